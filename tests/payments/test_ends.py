"""Beginnings and ends that are not the usual ones: by staff, by another's hand, twice, never, and long before we looked."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import delete, select

from kit.database import db
from membership.domain import intervals
from membership.domain.standing import Snapshot
from membership.models import Account, MembershipInterval, MembershipSource
from payments import checkout, gateway, plans
from payments.domain import subscriptions as rules
from payments.models import CheckoutIntent, Customer, LedgerEntry, Plan, Subscription
from tests.membership.snapshots import GRACE, at, snapshot
from tests.membership.test_intervals import lived as told
from tests.membership.test_intervals import plainly
from tests.payments.readers import described, entitled, history, lived, press, put_on_sale, subscribe, subscription_of


@pytest.fixture(autouse=True)
def on_sale(request: Any) -> Iterator[None]:
    if "sandbox" not in request.fixturenames:
        yield
        return
    sandbox = request.getfixturevalue("sandbox")
    put_on_sale(sandbox)
    yield
    assert sandbox.complaints == []


@pytest.fixture
def desk(app: Any, monkeypatch: pytest.MonkeyPatch, outbox: Any) -> Callable[[], list[str]]:
    """``desk()``: what the administrator was told of Prices that are none of ours."""
    monkeypatch.setitem(app.config, "ADMIN_EMAIL", "desk@reader.example")
    return lambda: [mail.subject for mail in outbox() if mail.key.startswith("unknown-price:")]


def moved(kind: str) -> list[int]:
    db.session.rollback()
    return list(db.session.scalars(select(LedgerEntry.amount).where(LedgerEntry.kind == kind)))


def price_id(key: str) -> str:
    found = db.session.get_one(Plan, key).price_id
    db.session.rollback()
    assert found
    return found


def customer_of(account_id: int, email: str = "dash@reader.example") -> str:
    """A Customer at Stripe that our books know as this account's."""
    made = gateway.client().v1.customers.create({"email": email})
    db.session.add(Customer(id=made.id, account_id=account_id, created_at=datetime.now(UTC)))
    db.session.commit()
    return made.id


# --- staff ends it at once ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("back", [False, True], ids=["without the money", "with the money"])
def test_staff_ends_it_at_once(reader: Any, visit: Any, staff: Any, deliver: Any, later: Any, back: bool) -> None:
    account_id, subscription_id = reader
    later(3)
    public_id = db.session.get_one(Account, account_id).public_id
    browser = visit(staff("finance"))
    browser.get(f"/admin/members/{public_id}")
    typed = {"cause": "death"} | ({"back": "y"} if back else {})
    assert browser.submit(f"/admin/subscriptions/{subscription_id}/end", **typed).status == 303
    assert not entitled(account_id), "before any webhook"
    deliver()
    deliver()
    assert history(account_id)[-1] == ("active", "death")
    assert (moved("payment"), moved("refund")) == ([500], [-500] if back else [])
    assert [cause for _, cause in history(account_id)] == ["death"]


def test_support_ends_but_gives_nothing_back(reader: Any, visit: Any, staff: Any) -> None:
    account_id, subscription_id = reader
    public_id = db.session.get_one(Account, account_id).public_id
    browser = visit(staff("support"))
    assert "Give the last payment back" not in browser.get(f"/admin/members/{public_id}").text
    assert browser.post(f"/admin/subscriptions/{subscription_id}/end", {"cause": "staff", "back": "y"}).status == 400
    assert entitled(account_id)
    assert browser.post(f"/admin/subscriptions/{subscription_id}/end", {"cause": "a whim"}).status == 400
    assert browser.post("/admin/subscriptions/sub_nobody/end", {"cause": "staff"}).status == 404
    assert visit(staff("editor")).post(f"/admin/subscriptions/{subscription_id}/end", {"cause": "staff"}).status == 403


@pytest.mark.parametrize("cause", rules.END_CAUSES)
def test_the_metadata_knows_better_whose_doing_it_was(cause: str) -> None:
    ended = {"status": "canceled", "ended_at": 5, "cancellation_details": {"reason": "cancellation_requested"}}
    item = {"price": {"id": "p", "unit_amount": 1, "recurring": None}, "current_period_start": 0, "current_period_end": 9}
    base = {"id": "s", "customer": "c", "currency": "usd", "start_date": 0, "items": {"data": [item]}}
    assert rules.end_cause(rules.read({**base, **ended, "metadata": {"end_cause": cause}})) == cause
    assert rules.end_cause(rules.read({**base, **ended, "metadata": {"end_cause": "boredom"}})) == "reader"
    assert rules.end_cause(rules.read({**base, "status": "active", "metadata": {"end_cause": cause}})) is None


# --- two at once, and one after the other ---------------------------------------------------------------------------------


def test_two_at_once_are_one_member_and_shown_to_staff(reader: Any, visit: Any, staff: Any, deliver: Any) -> None:
    """Scenario 35: nothing is ended by a machine; the one that staff ends takes nothing of the other."""
    account_id, first = reader
    api = gateway.client().v1
    customer_id = subscription_of(account_id).customer_id
    method = api.payment_methods.attach("pm_card_visa", {"customer": customer_id})
    wish = {"customer": customer_id, "items": [{"price": price_id("supporter-monthly")}], "default_payment_method": method.id}
    second = api.subscriptions.create(wish).id
    deliver()
    assert checkout.twice() == [(account_id, 2)]
    assert (entitled(account_id), len(moved("payment"))) == (True, 2)
    public_id = db.session.get_one(Account, account_id).public_id
    browser = visit(staff("owner"))
    assert "more than one subscription" in browser.get(f"/admin/members/{public_id}").text
    browser.post(f"/admin/subscriptions/{first}/end", {"cause": "staff", "back": "y"})
    deliver()
    deliver()
    assert (checkout.twice(), entitled(account_id), described(account_id)["plan"]) == ([], True, "supporter-monthly")
    assert moved("refund") == [-500]
    assert subscription_of(account_id).id in (first, second)


def test_two_sessions_both_paid_are_one_member_and_shown_to_staff(
    visit: Any, make_account: Any, staff: Any, sandbox: Any, deliver: Any
) -> None:
    """Scenario 35, by two tabs: the first one's wish is in no backup, so the second could not find its Session. Both are paid."""
    account_id = (account := make_account()).id
    tabs = [visit(account), visit(account)]
    first = press(tabs[0])
    db.session.execute(delete(CheckoutIntent))
    db.session.commit()
    second = press(tabs[1], "supporter-monthly")
    assert first != second
    for session in (first, second):
        sandbox.pay(session)
    deliver()
    ids = [sandbox.get(session)["subscription"] for session in (first, second)]
    assert (checkout.twice(), sorted(moved("payment"))) == ([(account_id, 2)], [500, 1200])
    assert entitled(account_id)
    assert described(account_id)["plan"] in ("reader-monthly", "supporter-monthly")  # both run as long, to the second
    browser = visit(staff("owner"))
    page = browser.get(f"/admin/members/{db.session.get_one(Account, account_id).public_id}")
    assert "more than one subscription" in page.text
    assert all(f"/admin/subscriptions/{one}" in page.links() for one in ids)
    browser.post(f"/admin/subscriptions/{ids[0]}/end", {"cause": "staff", "back": "y"})
    deliver()
    assert (checkout.twice(), entitled(account_id), described(account_id)["plan"]) == ([], True, "supporter-monthly")
    assert moved("refund") == [-500]


def test_she_comes_back_after_an_end(reader: Any, visit: Any, sandbox: Any, deliver: Any, later: Any) -> None:
    account_id, first = reader
    later(3)
    gateway.client().v1.subscriptions.cancel(first)
    deliver()
    assert not entitled(account_id)
    second = subscribe(visit, sandbox, deliver, db.session.get_one(Account, account_id))
    assert second != first
    for one in [e for e in sandbox.events() if e["type"] == "customer.subscription.deleted"]:
        from payments import journal

        journal.replay("", one["id"])
        db.session.commit()
    deliver()
    assert (entitled(account_id), described(account_id)["status"]) == (True, "active")


# --- by another's hand ----------------------------------------------------------------------------------------------------


def test_made_in_the_dashboard(make_account: Any, sandbox: Any, deliver: Any) -> None:
    """Scenario 40: found by its Customer, whoever made it."""
    account_id = make_account().id
    sandbox.subscribe(customer_of(account_id), price_id("reader-yearly"))
    deliver()
    assert (described(account_id)["plan"], entitled(account_id)) == ("reader-yearly", True)


def test_several_items_of_which_one_is_ours(make_account: Any, sandbox: Any, deliver: Any, desk: Any) -> None:
    """Scenario 41: what we know lets her read; what we do not know is no revenue of readers, and staff hears of it once."""
    account_id = make_account().id
    api = gateway.client().v1
    customer_id = customer_of(account_id)
    mug = api.prices.create(
        {"product": api.products.create({"name": "A mug"}).id, "currency": "usd", "unit_amount": 900, "recurring": {"interval": "month"}}
    )
    method = api.payment_methods.attach("pm_card_visa", {"customer": customer_id})
    items = [{"price": mug.id}, {"price": price_id("reader-monthly")}]
    made = api.subscriptions.create({"customer": customer_id, "items": items, "default_payment_method": method.id}).id
    assert set(deliver()) == {200}
    api.subscriptions.update(made, {"metadata": {"seen": "again"}})
    assert set(deliver()) == {200}
    assert desk() == [f"A subscription to something that is none of ours: {made}"]
    assert (described(account_id)["plan"], entitled(account_id)) == ("reader-monthly", True)
    assert lived(account_id) == [("paying", "active", 500, None)]
    assert subscription_of(account_id).amount == 1400


def test_a_price_that_was_archived_and_replaced_still_opens(reader: Any, deliver: Any, later: Any) -> None:
    """Scenario 42."""
    account_id, _ = reader
    api, old = gateway.client().v1, price_id("reader-monthly")
    product = api.prices.retrieve(old).product
    new = {"product": product, "currency": "usd", "unit_amount": 700, "recurring": {"interval": "month"}}
    api.prices.create({**new, "lookup_key": "reader-monthly", "transfer_lookup_key": True, "metadata": {"plan": "reader-monthly"}})
    api.prices.update(old, {"active": False})
    terms = plans.wanted()
    db.session.rollback()
    plans.write(terms, plans.look(terms))
    db.session.commit()
    assert price_id("reader-monthly") != old
    later(32)
    assert (described(account_id)["plan"], entitled(account_id), moved("payment")) == ("reader-monthly", True, [500, 500])


def test_the_bank_asks_at_the_first_payment(visit: Any, make_account: Any, sandbox: Any, deliver: Any) -> None:
    """Scenario 33: who turns back at her bank's page has no Subscription; who confirms has."""
    account_id = (account := make_account()).id
    session = press(visit(account))
    sandbox.pay(session, card="4000002760003184", authenticate_with="fail")
    deliver()
    assert (entitled(account_id), db.session.scalars(select(Subscription)).all()) == (False, [])
    db.session.rollback()
    sandbox.pay(session, card="4000002760003184")
    deliver()
    assert (entitled(account_id), moved("payment")) == (True, [500])


def test_left_unpaid_closes_the_gate(reader: Any, sandbox: Any, deliver: Any, later: Any) -> None:
    """Scenario 48: Stripe may be told to leave it so after its last try; paid later it opens again."""
    account_id, subscription_id = reader
    sandbox.portal_replace_card(subscription_of(account_id).customer_id, "4000000000000341")
    later(32)
    assert described(account_id)["status"] == "past_due"
    sandbox.world.store.get("subscription", subscription_id)["status"] = "unpaid"
    with sandbox.world.lock:
        sandbox.world.emit("customer.subscription.updated", sandbox.world.need("subscription", subscription_id))
    deliver()
    assert not entitled(account_id)
    assert history(account_id)[-1] == ("past_due", "payment")


# --- first seen when it was over ------------------------------------------------------------------------------------------


def test_seen_first_when_it_was_over(visit: Any, make_account: Any, sandbox: Any, deliver: Any, later: Any) -> None:
    """Every delivery of its life was lost. What Stripe still tells of it is its history: reports and rebuilds need it."""
    account_id = (account := make_account()).id
    sandbox.pay(press(visit(account)))
    sandbox.take_deliveries()
    subscription_id = next(one["data"]["object"]["id"] for one in sandbox.events() if one["type"] == "customer.subscription.created")
    began = sandbox.get(subscription_id)["start_date"]
    later(0.01)
    db.session.execute(delete(MembershipInterval))
    db.session.execute(delete(MembershipSource))
    db.session.execute(delete(Subscription))
    db.session.commit()
    sandbox.portal_cancel(subscription_id)
    sandbox.take_deliveries()
    later(40)
    assert history(account_id) == [("active", "replaced"), ("ending", "reader")]
    rows = list(db.session.scalars(select(MembershipInterval).order_by(MembershipInterval.effective_at)))
    found = sandbox.get(subscription_id)
    assert [rows[0].effective_at.timestamp(), rows[-1].until.timestamp()] == [began, found["ended_at"]]
    assert not entitled(account_id)


ENDED = {"observed_at": at(90), "status": "canceled"}
FIRST_LOOKS: dict[str, tuple[Snapshot, list[tuple[Any, ...]]]] = {
    "ended at once": (snapshot(**ENDED, ended_at=at(12), changed_at=at(12), end_cause="staff"), [(0, 12, "active", "staff")]),
    "notice was given": (
        snapshot(**ENDED, ended_at=at(30), changed_at=at(30), notice_at=at(10), end_cause="reader"),
        [(0, 10, "active", "replaced"), (10, 30, "ending", "reader")],
    ),
    "a card that failed": (
        snapshot(**ENDED, ended_at=at(50), changed_at=at(50), paid_until=at(30), end_cause="payment"),
        [(0, 30, "active", "replaced"), (30, 37, "past_due", "payment")],
    ),
    "given up within the grace": (
        snapshot(**ENDED, ended_at=at(33), changed_at=at(33), paid_until=at(30), end_cause="payment"),
        [(0, 30, "active", "replaced"), (30, 33, "past_due", "payment")],
    ),
    "a trial, then paid": (
        snapshot(**ENDED, ended_at=at(40), changed_at=at(40), trial_end=at(14), paid_until=at(44), end_cause="staff"),
        [(0, 14, "trial", "replaced"), (14, 40, "active", "staff")],
    ),
    "left within the trial": (
        snapshot(**ENDED, ended_at=at(14), changed_at=at(14), trial_end=at(14), paid_until=at(14), notice_at=at(3), end_cause="reader"),
        [(0, 14, "trial", "reader")],
    ),
    "a trial whose first charge failed": (
        snapshot(**ENDED, ended_at=at(30), changed_at=at(30), trial_end=at(14), paid_until=at(14), end_cause="payment"),
        [(0, 14, "trial", "replaced"), (14, 21, "past_due", "payment")],
    ),
    "left unpaid for ever": (
        snapshot(observed_at=at(90), status="unpaid", changed_at=at(90), paid_until=at(30), end_cause="payment"),
        [(0, 30, "active", "replaced"), (30, 37, "past_due", "payment")],
    ),
    "never begun": (snapshot(**(ENDED | {"status": "incomplete_expired"}), ended_at=at(1), paid_until=at(30)), []),
    "a price that is none of ours": (snapshot(**ENDED, ended_at=at(9), paid_until=None), []),
    "waits for a gift": (snapshot(status="trialing", started_at=at(20), trial_end=at(20), paid_until=at(20)), []),
    "waited for a gift and was left": (
        snapshot(**ENDED, ended_at=at(5), changed_at=at(5), started_at=at(20), trial_end=at(20), paid_until=at(20), end_cause="reader"),
        [],
    ),
    "a gift's days, then paid": (
        snapshot(observed_at=at(30), changed_at=at(20), started_at=at(20), trial_end=at(20), paid_until=at(50)),
        [(20, None, "active", None)],
    ),
    "in its third month, after a trial": (
        snapshot(observed_at=at(80), changed_at=at(74), trial_end=at(14), paid_until=at(104)),
        [(0, 14, "trial", "replaced"), (14, None, "active", None)],
    ),
    "on notice, after a trial": (
        snapshot(observed_at=at(80), changed_at=at(60), trial_end=at(14), paid_until=at(104), ends_at=at(104), notice_at=at(60)),
        [(0, 14, "trial", "replaced"), (14, 60, "active", "replaced"), (60, 104, "ending", "reader")],
    ),
}


@pytest.mark.parametrize(("look", "rows"), FIRST_LOOKS.values(), ids=FIRST_LOOKS.keys())
def test_one_late_look_tells_the_whole_life(look: Snapshot, rows: list[tuple[Any, ...]]) -> None:
    found = told(look)
    assert plainly(found) == rows
    numbered = [row for row in found if row.row_id is not None]
    assert intervals.follow(numbered, look, GRACE) == intervals.Change()


def test_every_order_of_looks_at_a_trial_that_was_paid() -> None:
    """A look that was missed, late or doubled: by then the newest look counts, and the history is the same."""
    life = [
        snapshot(status="trialing", observed_at=at(1), paid_until=at(14), trial_end=at(14)),
        snapshot(observed_at=at(15), changed_at=at(14), paid_until=at(44), trial_end=at(14)),
        snapshot(observed_at=at(50), changed_at=at(44), paid_until=at(74), trial_end=at(14)),
    ]
    in_order = plainly(told(*life))
    for missing in ([], [0], [1], [0, 1]):
        seen = [look for index, look in enumerate(life) if index not in missing]
        assert plainly(told(*seen, seen[-1])) == in_order
