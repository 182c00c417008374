"""Rows 1 to 26 and table W of docs/scenarios, where no other test shows them: what is told twice, late, early, crosswise or by somebody else."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
import time_machine
from sqlalchemy import select
from stripe import WebhookSignature
from werkzeug.serving import make_server

from kit import clock, jobs
from kit.database import db
from membership.models import Account, Membership
from payments import gateway, journal, plans, subscriptions
from payments.models import CheckoutIntent, Contribution, LedgerEntry, Plan, Receipt, StripeEvent
from payments.webhooks import HANDLERS, Handler
from tests.conftest import WEBHOOK_SECRET
from tests.payments.readers import described, entitled, history, press, subscription_of
from tests.scenarios.rows import count, states

PATH = "/webhooks/stripe"


pytestmark = pytest.mark.usefixtures("on_sale")


def signed(body: str, secret: str = WEBHOOK_SECRET, at: float | None = None) -> str:
    return WebhookSignature.generate_signature_header(body, secret, timestamp=int(time.time() if at is None else at))


def post(client: Any, body: str, header: str) -> int:
    return client.post(PATH, data=body, headers={"Content-Type": "application/json", "Stripe-Signature": header}).status_code


def knock(**values: Any) -> str:
    """An event's body that is none of the sandbox's."""
    about = {"object": {"id": "sub_1", "object": "subscription", "customer": "cus_1"}}
    return json.dumps({"id": "evt_1", "object": "event", "type": "customer.subscription.updated", "created": 1, "livemode": False,
                       "api_version": gateway.API_VERSION, "data": about} | values)  # fmt: skip


# --- order --------------------------------------------------------------------------------------------------------------


def test_03_two_workers_and_one_object(
    reader: tuple[int, str], app: Any, sandbox: Any, deliver: Any, drain: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first has looked and not yet written; Stripe goes on, tells it, and a second worker comes: it has to wait for its turn."""
    account_id, subscription_id = reader
    monkeypatch.setitem(app.config, "JOB_RETRY_SECONDS", 0)
    monkeypatch.setattr(journal, "BUSY_PAUSE", 0)
    api, ask = gateway.client().v1.subscriptions, subscriptions.look
    looked, overtaken, rivals = threading.Event(), threading.Event(), []

    def slow(object_id: str) -> Any:
        seen = ask(object_id)
        if not looked.is_set():
            looked.set()
            assert overtaken.wait(20)
        return seen

    monkeypatch.setitem(HANDLERS, "customer.subscription.updated", Handler(slow, subscriptions.write))
    api.update(subscription_id, {"cancel_at_period_end": True})
    deliver(jobs_too=False)

    def first() -> None:
        with app.app_context():
            for _, name, args in jobs.waiting(app):
                rivals.append(jobs.run(app, name, args))
            db.session.remove()

    db.session.rollback()
    worker = threading.Thread(target=first)
    worker.start()
    assert looked.wait(20)
    api.update(subscription_id, {"cancel_at_period_end": False})
    deliver(jobs_too=False)
    customer_id = subscription_of(account_id).customer_id
    db.session.rollback()
    with pytest.raises(journal.leases.LeaseBusy):
        journal.apply("", customer_id)
    db.session.rollback()
    overtaken.set()
    worker.join(20)
    drain()
    assert states() <= {"done", "ignored"}
    assert (subscription_of(account_id).ends_at, described(account_id)["status"]) == (None, "active")


def test_03_two_prices_and_the_plans_that_each_leads_to(
    app: Any, sandbox: Any, deliver: Any, drain: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two plans are withdrawn within a second: two events about two objects, and each has us look at all plans. The older look must not be written last."""
    monkeypatch.setitem(app.config, "JOB_RETRY_SECONDS", 0)
    monkeypatch.setattr(journal, "BUSY_PAUSE", 0)
    monthly, yearly = (db.session.get_one(Plan, f"reader-{one}").price_id or "" for one in ("monthly", "yearly"))
    db.session.rollback()
    api, ask = gateway.client().v1.prices, plans.look
    looked, overtaken = threading.Event(), threading.Event()

    def slow(terms: Any, **options: Any) -> Any:
        seen = ask(terms, **options)
        if not looked.is_set():
            looked.set()
            assert overtaken.wait(20)
        return seen

    monkeypatch.setattr(plans, "look", slow)
    api.update(monthly, {"active": False})
    deliver(jobs_too=False)
    worker = threading.Thread(target=in_its_own(app, "", monthly))
    worker.start()
    assert looked.wait(20)
    api.update(yearly, {"active": False})
    deliver(jobs_too=False)
    with pytest.raises(journal.leases.LeaseBusy):
        journal.apply("", yearly)
    db.session.rollback()
    overtaken.set()
    worker.join(20)
    with time_machine.travel(clock.now() + timedelta(minutes=11), tick=True):  # both were taken up by hand
        drain()
    on_sale = dict(db.session.execute(sa.select(Plan.key, Plan.on_sale)).all())
    assert {key for key, on in on_sale.items() if on} == {"supporter-monthly", "supporter-yearly"}
    assert set(db.session.scalars(sa.select(StripeEvent.state).where(StripeEvent.type == "price.updated"))) == {"done"}


def in_its_own(app: Any, account: str, key: str) -> Callable[[], None]:
    """A worker that applies what waits for this key."""

    def work() -> None:
        with app.app_context():
            jobs.run(app, "payments.apply_waiting", [account, key])
            db.session.remove()

    return work


@pytest.mark.parametrize("order", [1, -1], ids=["as it was", "the other way round"])
def test_04_07_told_in_one_second_in_either_order(visit: Any, make_account: Any, sandbox: Any, deliver: Any, order: int) -> None:
    """Begun, activated, changed twice, all in the same second, each told and applied by itself: what Stripe has now counts."""
    account_id = (account := make_account()).id
    sandbox.freeze(int(time.time()))
    sandbox.pay(press(visit(account)))
    subscription_id = list(sandbox.world.store.all("subscription"))[-1]["id"]
    api = gateway.client().v1.subscriptions
    api.update(subscription_id, {"cancel_at_period_end": True})
    api.update(subscription_id, {"cancel_at_period_end": False})
    told = [one for one in sandbox.take_deliveries() if one.event["type"].startswith("customer.subscription.")]
    assert len(told) >= 3
    assert len({one.event["created"] for one in told}) == 1
    for one in told[::order]:
        deliver(deliveries=[one])
        assert (entitled(account_id), subscription_of(account_id).ends_at) == (True, None)
    assert history(account_id) == [("active", None)]


def test_08_old_events_told_again_hours_later_take_nothing_back(
    reader: tuple[int, str], sandbox: Any, deliver: Any, later: Callable[[float], None]
) -> None:
    account_id, subscription_id = reader
    old = _told()
    sandbox.portal_cancel(subscription_id)
    later(1)
    now = described(account_id)
    assert now["status"] == "ending"
    for event_id in old:
        assert journal.replay("", event_id)
        db.session.commit()
        later(0.1)
        assert described(account_id) == now
    assert count(LedgerEntry, LedgerEntry.kind == "payment") == 1


def _told() -> list[str]:
    db.session.rollback()
    found = list(db.session.scalars(select(StripeEvent.event_id).where(StripeEvent.type.like("customer.subscription.%"))))
    db.session.rollback()
    return found


def test_16_what_an_old_endpoint_says_is_never_read(reader: tuple[int, str], client: Any, drain: Any) -> None:
    """A payload of years ago, with other fields and other facts: we look, by our own version, and its text is kept as it was."""
    account_id, subscription_id = reader
    customer_id, before = subscription_of(account_id).customer_id, described(account_id)
    said = {
        "id": subscription_id,
        "object": "subscription",
        "customer": customer_id,
        "status": "canceled",
        "ended_at": 1,
        "current_period_end": 1,
    }
    body = knock(id="evt_old", api_version="2020-08-27", data={"object": said})
    assert post(client, body, signed(body)) == 200
    drain()
    row = db.session.get_one(StripeEvent, ("", "evt_old"))
    assert (row.state, row.payload, row.api_version) == ("done", body, "2020-08-27")
    assert (described(account_id), entitled(account_id)) == (before, True)


# --- whose ----------------------------------------------------------------------------------------------------------------


def test_12_another_site_on_the_same_account_makes_nobody_a_member(
    sandbox: Any, deliver: Any, later: Callable[[float], None], outbox: Any
) -> None:
    """It sells by Prices of its own, its card fails in the second month: nobody of ours, no mail, no receipt, and the money is apart."""
    api = gateway.client().v1
    product = api.products.create({"name": "Another site's membership"})
    price = api.prices.create({"product": product.id, "currency": "usd", "unit_amount": 700, "recurring": {"interval": "month"}})
    customer = api.customers.create({"email": "somebody@elsewhere.example", "name": "Somebody"})
    method = api.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    api.subscriptions.create({"customer": customer.id, "items": [{"price": price.id}], "default_payment_method": method.id})
    assert set(deliver()) == {200}
    later(31)
    sandbox.portal_replace_card(customer.id, "4000000000000341")
    later(31)
    assert [count(table) for table in (Account, Membership, Receipt)] == [0, 0, 0]
    assert outbox() == []
    entries = db.session.execute(select(LedgerEntry.purpose, LedgerEntry.account_id).where(LedgerEntry.kind == "payment")).all()
    assert [tuple(entry) for entry in entries] == [("unknown", None)] * 2
    db.session.rollback()
    assert states() <= {"done", "ignored"}


def test_13_two_endpoints_tell_the_same_event(client: Any, app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old address and the new one, each with its own secret: one row, one job."""
    other = "whsec_of_the_second_endpoint"
    monkeypatch.setitem(app.config, "STRIPE_WEBHOOK_SECRET", f"{other},{WEBHOOK_SECRET}")
    body = knock()
    assert [post(client, body, signed(body, secret)) for secret in (WEBHOOK_SECRET, other)] == [200, 200]
    assert (count(StripeEvent), len(jobs.waiting(app))) == (1, 1)


def test_15_an_event_of_another_account_does_not_stand_in_for_ours(client: Any, app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two accounts may name an event alike: both are kept, ours is applied."""
    monkeypatch.setitem(app.config, "STRIPE_ACCOUNT", "acct_ours")
    for account in ("acct_other", "acct_ours"):
        body = knock(account=account)
        assert post(client, body, signed(body)) == 200
    db.session.rollback()
    found = {row.account: row.state for row in db.session.scalars(select(StripeEvent))}
    assert found == {"acct_other": "ignored", "acct_ours": "new"}


# --- the door -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("heard", ["at the second try", "at the last", "never"])
@pytest.mark.parametrize(("account", "tries"), [("live", 14), ("sandbox", 3)])
def test_25_however_often_stripe_tries_the_end_is_the_same(
    app: Any, visit: Any, make_account: Any, sandbox: Any, drain: Any, account: str, tries: int, heard: str
) -> None:
    """The endpoint is down at first, or for all of Stripe's tries; then what nobody told is read from the list."""
    sandbox.settings(redelivery=account)
    reader_id = (reader := make_account()).id
    sandbox.take_deliveries()
    delivery = sandbox.world.delivery
    delivery.stop()  # it tries when this play says so
    with a_server(app) as (url, open_it):
        delivery.forward_to = url
        sandbox.pay(press(visit(reader)))
        db.session.rollback()
        last = {"at the second try": 1, "at the last": tries - 1, "never": tries}[heard]
        for _ in range(last):
            assert delivery.send_due(everything=True)["delivered"] == 0
        left = [one for one in sandbox.world.store.all("_delivery") if one["url"]]
        assert bool(left) == (heard != "never"), "so many tries there are"
        if heard != "never":
            open_it()
            assert delivery.send_due(everything=True)["failed"] == 0
        delivery.forward_to = None
    drain()
    assert entitled(reader_id) == (heard != "never")
    db.session.rollback()
    jobs.run(app, "payments.reconcile", [])
    drain()
    assert entitled(reader_id)
    assert [(row.kind, row.amount) for row in db.session.scalars(select(LedgerEntry).where(LedgerEntry.kind == "payment"))] == [
        ("payment", 500)
    ]


@contextmanager
def a_server(app: Any) -> Iterator[tuple[str, Callable[[], None]]]:
    """An address on which ``app`` answers from when the second is called on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started: list[tuple[Any, threading.Thread]] = []

    def open_it() -> None:
        server = make_server("127.0.0.1", port, app, threaded=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        started.append((server, thread))

    try:
        yield f"http://127.0.0.1:{port}/webhooks/stripe", open_it
    finally:
        for server, thread in started:
            server.shutdown()
            thread.join()
            server.server_close()


def test_W03_a_header_sent_twice_is_read_as_servers_join_it(client: Any) -> None:
    body = knock()
    good, bad = signed(body), signed(body, "whsec_of_somebody_else")
    for joined, status in ((f"{bad},{good}", 400), (f"{bad}, {bad}", 400), (f"{good},{good}", 400)):
        assert post(client, body, joined) == status, joined
    assert count(StripeEvent) == 0
    assert post(client, body, good) == 200


def test_W04_a_captured_request_is_worth_nothing_more(client: Any, app: Any) -> None:
    """The very bytes again: for five minutes an answer and no new row, then not even that."""
    body, start = knock(), clock.now()
    header = signed(body)
    for seconds, status in ((0, 200), (60, 200), (295, 200), (310, 400), (86_400, 400)):
        with time_machine.travel(start + timedelta(seconds=seconds), tick=False):
            assert post(client, body, header) == status
    assert (count(StripeEvent), len(jobs.waiting(app))) == (1, 1)


def test_W10_a_forged_post_asks_the_database_nothing(client: Any, app: Any) -> None:
    """What a flood costs is the reading and one HMAC: no statement, no connection taken."""
    said: list[str] = []
    before = app.extensions.get("durable")
    db.session.rollback()
    taken = lambda *_: said.append("a connection")  # noqa: E731
    ran = lambda *args: said.append(args[2])  # noqa: E731
    sa.event.listen(db.engine, "checkout", taken)
    sa.event.listen(db.engine, "before_cursor_execute", ran)
    try:
        for number in range(50):
            body = knock(id=f"evt_{number}")
            assert post(client, body, signed(body, "whsec_of_somebody_else")) == 400
    finally:
        sa.event.remove(db.engine, "checkout", taken)
        sa.event.remove(db.engine, "before_cursor_execute", ran)
    assert said == []
    assert app.extensions.get("durable") == before
    assert count(StripeEvent) == 0


@pytest.fixture
def desk(app: Any, monkeypatch: pytest.MonkeyPatch, outbox: Any) -> Callable[[], list[str]]:
    """``desk()``: what the administrator was told of unexpected money."""
    monkeypatch.setitem(app.config, "ADMIN_EMAIL", "desk@reader.example")
    return lambda: [mail.subject for mail in outbox() if mail.key.startswith("unexpected:")]


def _customer_of(account: Any, deliver: Any) -> str:
    """Another reader's Customer, of which we know."""
    made = gateway.client().v1.customers.create({"email": account.email, "metadata": {"account": account.public_id}})
    db.session.rollback()
    deliver()
    return made.id


MISMATCHED: dict[str, dict[str, Any]] = {
    "the amount": {"amount": 100},
    "the currency": {"currency": "eur"},
    "the metadata": {"metadata": {"purpose": "contribution", "contribution": "somebody-else-s"}},
    "the Customer": {"customer": "another reader's"},
}


@pytest.mark.parametrize("values", MISMATCHED.values(), ids=MISMATCHED.keys())
def test_W12_money_that_is_not_what_we_asked_for(
    visit: Any, make_account: Any, staff: Any, sandbox: Any, deliver: Any, desk: Any, values: dict[str, Any]
) -> None:
    """Somebody pays beside our Session and names a reader's promise: booked as it came, nothing follows, and staff is told."""
    browser = visit(make_account("gus@guest.example"))
    browser.get("/contribute")
    assert browser.submit("/contribute/checkout", suggested="", amount="25.00", email="gus@guest.example", frequency="once").status == 303
    db.session.rollback()
    promise = db.session.scalars(select(Contribution)).one()
    named = {"purpose": "contribution", "contribution": promise.public_id}
    asked = {"amount": 2500, "currency": "usd", "metadata": named, "payment_method": "pm_card_visa", "confirm": True, **values}
    db.session.rollback()
    if "customer" in asked:
        asked["customer"] = _customer_of(make_account(), deliver)
        asked["payment_method"] = gateway.client().v1.payment_methods.attach("pm_card_visa", {"customer": asked["customer"]}).id
    gateway.client().v1.payment_intents.create({**asked, "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"}})
    assert set(deliver()) == {200}
    entry = db.session.scalars(select(LedgerEntry).where(LedgerEntry.kind == "payment")).one()
    assert (entry.purpose, entry.contribution_id, entry.amount) == ("unknown", None, values.get("amount", 2500))
    assert entry.note.startswith("unexpected: ")
    note = entry.charge_id
    db.session.rollback()
    assert (db.session.scalars(select(Contribution.status)).one(), count(Receipt)) == ("pending", 0)
    assert note in visit(staff("finance")).get("/admin/payments/").html
    assert desk() == [f"Unexpected money: {note}"]


def _of_a_price(**values: Any) -> dict[str, Any]:
    """A Session's line for something else that is sold at the same account."""
    api = gateway.client().v1
    product = api.products.create({"name": "Something else"})
    terms = {"product": product.id, "currency": "usd", "unit_amount": 500, "recurring": {"interval": "month"}} | values
    price = api.prices.create({name: value for name, value in terms.items() if value is not None})
    return {"line_items": [{"price": price.id, "quantity": 1}]}


CROOKED: dict[str, tuple[bool, Callable[[str], dict[str, Any]]]] = {
    # (does the wish know its own Session, what differs). Of a wish whose answer was lost only the terms tell.
    "the Price, in another Session": (True, lambda _other: _of_a_price()),
    "the metadata, in another Session": (
        True,
        lambda _other: {"subscription_data": {"metadata": {"purpose": "contribution", "contribution": "somebody-else-s"}}},
    ),
    "the mode": (False, lambda _other: {"mode": "payment"} | _of_a_price(recurring=None)),
    "the amount": (False, lambda _other: _of_a_price(unit_amount=9900)),
    "the currency": (False, lambda _other: _of_a_price(currency="eur")),
    "the Customer": (False, lambda other: {"customer": other}),
}


@pytest.mark.parametrize(("known", "crooked"), CROOKED.values(), ids=CROOKED.keys())
def test_W12_a_session_that_is_not_what_the_wish_asked_for_opens_nothing(
    visit: Any, make_account: Any, sandbox: Any, deliver: Any, desk: Any, known: bool, crooked: Any
) -> None:
    """A reader's wish is named on a Session that differs in one field: it was paid, she does not read for it, and staff is told."""
    account_id, other = (account := make_account()).id, make_account()
    press(visit(account))
    db.session.rollback()
    wish = db.session.scalars(select(CheckoutIntent.id)).one()
    customer_id, price = sandbox.get(_session(wish))["customer"], db.session.get_one(Plan, "reader-monthly").price_id
    if not known:
        db.session.execute(sa.update(CheckoutIntent).values(state="unknown", session_id=None, session_url=None))
        db.session.commit()
    db.session.rollback()
    asked = {"mode": "subscription", "line_items": [{"price": price, "quantity": 1}], "client_reference_id": wish, "customer": customer_id,
             "success_url": "http://localhost/"} | crooked(_customer_of(other, deliver))  # fmt: skip
    sandbox.pay(made := gateway.client().v1.checkout.sessions.create(asked).id)
    assert set(deliver()) == {200}
    assert (entitled(account_id), history(account_id)) == (False, [])
    assert db.session.scalars(select(CheckoutIntent.state)).one() == "failed"
    assert states() <= {"done", "ignored"}
    assert f"Unexpected money: {made}" in desk()


def _session(wish: str) -> str:
    db.session.rollback()
    found = db.session.scalars(select(CheckoutIntent.session_id).where(CheckoutIntent.id == wish)).one()
    db.session.rollback()
    assert found
    return found


ODD = {
    "a key twice": '{"id": "evt_1", "id": "evt_2", "object": "event", "type": "customer.subscription.updated", "created": 1, "livemode": false, "data": {"object": {"id": "sub_1"}}}',
    "a number that is endless": '{"id": "evt_2", "object": "event", "type": "customer.subscription.updated", "created": 1e999, "livemode": false, "data": {"object": {"id": "sub_1"}}}',
}


@pytest.mark.parametrize("body", ODD.values(), ids=ODD.keys())
def test_W15_odd_but_signed_is_kept(client: Any, body: str) -> None:
    assert post(client, body, signed(body)) == 200
    assert db.session.scalars(select(StripeEvent.event_id)).one() == "evt_2"
