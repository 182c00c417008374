"""A Subscription's life as Stripe tells it: renewed, failed, paused, scheduled to end, taken back, ended, come back."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import delete, select

from kit.database import db
from membership.models import Account, MembershipInterval
from payments import subscriptions
from payments.domain import subscriptions as rules
from payments.models import Customer, LedgerEntry, Plan, Subscription
from tests.payments.readers import described, entitled, history, press, subscribe, subscription_of

DAY = 86400


pytestmark = pytest.mark.usefixtures("on_sale")


def test_it_renews(reader: tuple[int, str], later: Any) -> None:
    account_id, _ = reader
    before = described(account_id)["paid_until"]
    later(31)
    found = described(account_id)
    assert (found["status"], found["entitled"]) == ("active", True)
    assert found["paid_until"] > before + timedelta(days=27)
    assert len(list(db.session.scalars(select(LedgerEntry).where(LedgerEntry.kind == "payment")))) == 2
    assert history(account_id) == [("active", None)]


def test_nobody_reads_beyond_the_grace_when_stripe_falls_silent(reader: tuple[int, str]) -> None:
    account_id, _ = reader
    with time_machine.travel(datetime.now(UTC) + timedelta(days=40), tick=False):
        assert not entitled(account_id)


def test_a_failed_renewal_keeps_the_grace_and_then_ends(reader: tuple[int, str], sandbox: Any, later: Any) -> None:
    account_id, _ = reader
    customer_id = subscription_of(account_id).customer_id
    sandbox.portal_replace_card(customer_id, "4000000000000341")
    paid = described(account_id)["paid_until"]
    later(32)
    found = described(account_id)
    assert (found["status"], found["paid_until"], found["entitled"]) == ("past_due", paid, True)
    later(8)
    assert not entitled(account_id)
    later(60)
    assert subscription_of(account_id).status == "canceled"
    assert described(account_id)["status"] == "lapsed"
    assert history(account_id)[-1] == ("past_due", "payment")


def test_a_replaced_card_heals_it(reader: tuple[int, str], sandbox: Any, later: Any) -> None:
    account_id, _ = reader
    customer_id = subscription_of(account_id).customer_id
    sandbox.portal_replace_card(customer_id, "4000000000000341")
    later(32)
    sandbox.portal_replace_card(customer_id, "4242424242424242")
    later(9)
    assert described(account_id)["status"] == "active"
    assert entitled(account_id)


# --- leaving ----------------------------------------------------------------------------------------------------------


def test_leaving_by_our_page_and_staying_after_all(reader: tuple[int, str], visit: Any, deliver: Any, outbox: Any, later: Any) -> None:
    from membership.models import Account

    account_id, _ = reader
    later(1)
    browser = visit(db.session.get(Account, account_id))
    page = browser.get("/account/cancel")
    assert "Leave The Ferry Bell?" in page.text
    assert browser.submit("/account/cancel", reason="too_expensive", comment="It rains.").status == 303
    assert "You read until" in browser.get("/account/cancel").text
    found = described(account_id)
    assert (found["status"], found["entitled"], found["ends_at"]) == ("ending", True, found["paid_until"])
    assert [mail.subject for mail in outbox() if "ends on" in mail.subject]
    later(1)
    browser = visit(db.session.get(Account, account_id))
    browser.get("/account/cancel")
    assert browser.submit("/account/cancel/undo").status == 303
    assert described(account_id)["status"] == "active"
    deliver()
    assert described(account_id)["status"] == "active"
    assert [state for state, _ in history(account_id)] == ["active", "ending", "active"]


def test_left_by_the_portal_which_only_sets_cancel_at(reader: tuple[int, str], sandbox: Any, deliver: Any, later: Any) -> None:
    account_id, subscription_id = reader
    sandbox.portal_cancel(subscription_id)
    assert not sandbox.get(subscription_id)["cancel_at_period_end"]
    deliver()
    found = described(account_id)
    assert (found["status"], found["entitled"]) == ("ending", True)
    assert found["ends_at"] is not None
    later(32)
    assert not entitled(account_id)
    assert described(account_id)["status"] == "lapsed"
    assert history(account_id)[-1] == ("ending", "reader")


def test_the_portals_undo_and_ours_undo_the_portals(reader: tuple[int, str], sandbox: Any, deliver: Any, visit: Any) -> None:
    from membership.models import Account

    account_id, subscription_id = reader
    sandbox.portal_cancel(subscription_id)
    sandbox.portal_undo(subscription_id)
    deliver()
    assert described(account_id)["status"] == "active"
    sandbox.portal_cancel(subscription_id)
    deliver()
    browser = visit(db.session.get(Account, account_id))
    browser.get("/account/cancel")
    browser.submit("/account/cancel/undo")
    assert sandbox.get(subscription_id)["cancel_at"] is None
    assert described(account_id)["status"] == "active"


def test_the_late_deletion_of_the_old_one_takes_nothing(
    reader: tuple[int, str], sandbox: Any, visit: Any, deliver: Any, later: Any
) -> None:
    from membership.models import Account

    account_id, old = reader
    sandbox.portal_cancel(old)
    later(32)
    sandbox.take_deliveries()
    deletion = [one for one in sandbox.events() if one["type"] == "customer.subscription.deleted"]
    subscribe(visit, sandbox, deliver, db.session.get(Account, account_id))
    assert entitled(account_id)
    assert described(account_id)["status"] == "active"
    from payments import journal

    assert journal.replay("", deletion[0]["id"])  # told once more, after the new one began
    db.session.commit()
    deliver()
    assert entitled(account_id)


def test_what_ended_stays_ended(reader: tuple[int, str], sandbox: Any, deliver: Any) -> None:
    """W14: a look that was taken before the end, and is written after it, brings nothing back."""
    from payments import gateway

    account_id, subscription_id = reader
    late = subscriptions.look(subscription_id)
    gateway.client().v1.subscriptions.cancel(subscription_id)
    deliver()
    subscriptions.write(late)
    db.session.commit()
    assert (subscription_of(account_id).status, entitled(account_id)) == ("canceled", False)


def test_the_login_address_never_follows_stripe(reader: tuple[int, str], sandbox: Any, deliver: Any) -> None:
    from membership.models import Account
    from payments import gateway

    account_id, _ = reader
    before = db.session.get(Account, account_id).email
    customer_id = subscription_of(account_id).customer_id
    gateway.client().v1.customers.update(customer_id, {"email": "somebody@else.example"})
    deliver()
    assert db.session.get(Account, account_id).email == before
    assert db.session.get(Customer, customer_id).email_key == "somebody@else.example"


def test_a_deleted_customer_ends_it(reader: tuple[int, str], sandbox: Any, deliver: Any) -> None:
    from payments import gateway

    account_id, _ = reader
    customer_id = subscription_of(account_id).customer_id
    gateway.client().v1.customers.delete(customer_id)
    deliver()
    assert not entitled(account_id)
    assert db.session.get(Customer, customer_id).deleted


def test_a_changed_plan_is_followed(reader: tuple[int, str], sandbox: Any, deliver: Any) -> None:
    from payments.models import Plan

    account_id, subscription_id = reader
    price_id = db.session.get(Plan, "supporter-monthly").price_id
    db.session.rollback()
    sandbox.portal_change_plan(subscription_id, price_id)
    deliver()
    assert described(account_id)["plan"] == "supporter-monthly"
    db.session.rollback()
    rates = list(db.session.scalars(select(MembershipInterval.mrr_720).order_by(MembershipInterval.effective_at)))
    assert rates == [500 * 720, 1200 * 720]


def test_a_subscription_of_nobody_grants_nothing_and_breaks_nothing(sandbox: Any, deliver: Any) -> None:
    from payments import gateway
    from payments.models import Plan

    api = gateway.client().v1
    price_id = db.session.get(Plan, "reader-monthly").price_id
    db.session.rollback()
    customer = api.customers.create({"email": "other@site.example", "payment_method": "pm_card_visa"})
    method = api.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    api.subscriptions.create({"customer": customer.id, "items": [{"price": price_id}], "default_payment_method": method.id})
    assert set(deliver()) == {200}
    db.session.rollback()
    assert db.session.scalars(select(Subscription)).one().status == "active"
    assert db.session.scalars(select(Customer.account_id)).all() == [None]


def test_a_subscription_told_before_whose_its_customer_is(visit: Any, sandbox: Any, deliver: Any, make_account: Any) -> None:
    """As after a backup was restored: our own row of the Customer is gone, and its events come last."""
    account_id = (account := make_account()).id
    sandbox.pay(press(visit(account)))
    db.session.rollback()
    db.session.execute(delete(Customer))
    db.session.commit()
    told = sandbox.take_deliveries()
    for one in sorted(told, key=lambda one: one.event["type"] == "customer.created"):
        deliver(deliveries=[one])
    assert entitled(account_id)


def test_S08_another_plan_and_another_card_chosen_in_the_portal_are_mirrored(
    reader: tuple[int, str], visit: Any, sandbox: Any, deliver: Any, later: Any
) -> None:
    """Swapped at once, and at the period's end; the card replaced: her page says what she pays now."""
    account_id, subscription_id = reader
    browser = visit(db.session.get_one(Account, account_id))
    supporter, yearly = (db.session.get_one(Plan, key).price_id for key in ("supporter-monthly", "reader-yearly"))
    db.session.rollback()
    sandbox.portal_change_plan(subscription_id, supporter)
    sandbox.portal_replace_card(subscription_of(account_id).customer_id, "5555555555554444")
    deliver()
    row = subscription_of(account_id)
    assert (described(account_id)["plan"], entitled(account_id)) == ("supporter-monthly", True)
    assert (row.plan_key, row.price_id, row.amount, row.card_brand, row.card_last4) == (
        "supporter-monthly",
        supporter,
        1200,
        "mastercard",
        "4444",
    )
    assert "$12.00" in browser.get("/account/").text
    sandbox.portal_change_plan(subscription_id, yearly, at_period_end=True)
    deliver()
    row = subscription_of(account_id)
    assert (row.plan_key, row.next_plan_key, row.next_at) == ("supporter-monthly", "reader-yearly", row.period_end)
    later(32)
    assert (described(account_id)["plan"], entitled(account_id)) == ("reader-yearly", True)
    assert subscription_of(account_id).next_plan_key is None


def test_a_price_that_is_none_of_ours_opens_nothing(
    reader: tuple[int, str], app: Any, sandbox: Any, deliver: Any, make_account: Any, outbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scenario 41: no access, 2xx, and a mail to the administrator, once."""
    from payments import gateway

    monkeypatch.setitem(app.config, "ADMIN_EMAIL", "desk@reader.example")
    account_id = make_account("bob@reader.example").id
    api = gateway.client().v1
    customer = api.customers.create({"email": "bob@reader.example"})
    db.session.add(Customer(id=customer.id, account_id=account_id, created_at=datetime.now(UTC)))
    db.session.commit()
    product = api.products.create({"name": "A mug of the month"})
    price = api.prices.create({"product": product.id, "currency": "usd", "unit_amount": 100, "recurring": {"interval": "month"}})
    method = api.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    made = api.subscriptions.create({"customer": customer.id, "items": [{"price": price.id}], "default_payment_method": method.id}).id
    assert set(deliver()) == {200}
    api.subscriptions.update(made, {"metadata": {"seen": "again"}})
    assert set(deliver()) == {200}
    assert not entitled(account_id)
    assert history(account_id) == []
    (mail,) = [one for one in outbox() if one.key.startswith("unknown-price:")]
    assert (mail.recipient, mail.subject) == ("desk@reader.example", f"A subscription to something that is none of ours: {made}")
    assert price.id in mail.text


def test_closing_an_account_cancels_at_stripe(reader: tuple[int, str], sandbox: Any, drain: Any, deliver: Any) -> None:
    account_id, subscription_id = reader
    subscriptions.cancel_all(db.session.get(Account, account_id))
    db.session.commit()
    drain()
    assert sandbox.get(subscription_id)["status"] == "canceled"
    assert not entitled(account_id)


# --- the rules, as a table --------------------------------------------------------------------------------------------

T0 = 1_790_000_000
MONTH = 30 * DAY


def stripes(**values: Any) -> dict[str, Any]:
    """A Subscription as Stripe has it: monthly, in its second period, paid."""
    price = {"id": "price_1", "unit_amount": 500, "recurring": {"interval": "month", "interval_count": 1}}
    item = {"price": price, "quantity": 1, "current_period_start": T0 + MONTH, "current_period_end": T0 + 2 * MONTH}
    base = {
        "id": "sub_1",
        "customer": "cus_1",
        "status": "active",
        "currency": "usd",
        "created": T0,
        "start_date": T0,
        "items": {"data": [item]},
        "latest_invoice": {"status": "paid", "status_transitions": {"paid_at": T0 + MONTH}},
        "metadata": {},
    }
    return base | values


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


NOW = at(T0 + MONTH + DAY)
OPEN_INVOICE = {"status": "open", "status_transitions": {"paid_at": None}}
BILLS_A_CHANGE = {"billing_reason": "subscription_update", "created": T0 + MONTH + 20 * DAY}
PAID_INVOICE = {"status": "paid", "status_transitions": {"paid_at": T0 + MONTH}}


def bills(*, prorated: bool, start: int) -> dict[str, Any]:
    """An invoice of a change of plan with one line."""
    line = {"period": {"start": start}, "parent": {"subscription_item_details": {"proration": prorated}}}
    return BILLS_A_CHANGE | {"created": T0 + MONTH, "lines": {"data": [line]}}


VOID_INVOICE = {"status": "void", "status_transitions": {"paid_at": None}}

CASES: dict[str, tuple[dict[str, Any], tuple[str, Any, Any, str | None]]] = {
    # what Stripe has -> status, paid until, scheduled end, whose doing
    "renewed": ({}, ("active", at(T0 + 2 * MONTH), None, None)),
    "renewing, invoice not paid yet": ({"latest_invoice": OPEN_INVOICE}, ("active", at(T0 + 2 * MONTH), None, None)),
    "past due": ({"status": "past_due", "latest_invoice": OPEN_INVOICE}, ("past_due", at(T0 + MONTH), None, None)),
    "unpaid": ({"status": "unpaid", "latest_invoice": OPEN_INVOICE}, ("unpaid", at(T0 + MONTH), None, "payment")),
    "a change of plan that is not paid takes nothing of the paid period": (
        {"status": "past_due", "latest_invoice": OPEN_INVOICE | BILLS_A_CHANGE},
        ("past_due", at(T0 + 2 * MONTH), None, None),
    ),
    "a change of plan that begins a period and is not paid": (
        {"status": "past_due", "latest_invoice": OPEN_INVOICE | BILLS_A_CHANGE | {"created": T0 + MONTH}},
        ("past_due", at(T0 + MONTH), None, None),
    ),
    "the bill of a change of plan was voided": (
        {"latest_invoice": VOID_INVOICE | BILLS_A_CHANGE},
        ("active", at(T0 + 2 * MONTH), None, None),
    ),
    "the bill of a change of plan a moment after the renewal was voided": (
        {"latest_invoice": VOID_INVOICE | bills(prorated=True, start=T0 + MONTH)},
        ("active", at(T0 + 2 * MONTH), None, None),
    ),
    "the bill of a change that began a period was voided": (
        {"latest_invoice": VOID_INVOICE | bills(prorated=False, start=T0 + MONTH)},
        ("paused", at(T0 + MONTH), None, None),
    ),
    "ends with the period, by the boolean": (
        {"cancel_at_period_end": True, "canceled_at": T0 + DAY},
        ("active", at(T0 + 2 * MONTH), at(T0 + 2 * MONTH), "reader"),
    ),
    "ends with the period, by the instant alone": (
        {"cancel_at": T0 + 2 * MONTH, "canceled_at": T0 + DAY},
        ("active", at(T0 + 2 * MONTH), at(T0 + 2 * MONTH), "reader"),
    ),
    "collection paused, this period paid": ({"pause_collection": {"behavior": "void"}}, ("active", at(T0 + 2 * MONTH), None, None)),
    "collection paused, this period a draft": (
        {"pause_collection": {"behavior": "keep_as_draft"}, "latest_invoice": OPEN_INVOICE | {"status": "draft"}},
        ("paused", at(T0 + MONTH), None, None),
    ),
    "renewed a moment ago, the bill still a draft": (
        {"latest_invoice": OPEN_INVOICE | {"status": "draft"}},
        ("active", at(T0 + 2 * MONTH), None, None),
    ),
    "collection paused, no bill was made for this period": (
        {"pause_collection": {"behavior": "void"}, "latest_invoice": PAID_INVOICE | {"created": T0}},
        ("paused", at(T0 + MONTH), None, None),
    ),
    "ended before the first payment came": (
        {
            "status": "canceled",
            "ended_at": T0 + DAY,
            "latest_invoice": {"status": "void", "billing_reason": "subscription_create", "created": T0},
        },
        ("incomplete_expired", at(T0 + MONTH), None, "staff"),
    ),
    "collection paused, this period void": (
        {"pause_collection": {"behavior": "void"}, "latest_invoice": VOID_INVOICE},
        ("paused", at(T0 + MONTH), None, None),
    ),
    "paused": (
        {"status": "paused", "status_details": {"paused": {"transitioned_at": T0 + DAY}}},
        ("paused", at(T0 + 2 * MONTH), None, None),
    ),
    "ended by the reader": (
        {"status": "canceled", "ended_at": T0 + DAY, "cancellation_details": {"reason": "cancellation_requested"}},
        ("canceled", at(T0 + 2 * MONTH), None, "reader"),
    ),
    "ended by a card": (
        {"status": "canceled", "ended_at": T0 + DAY, "cancellation_details": {"reason": "payment_failed"}},
        ("canceled", at(T0 + 2 * MONTH), None, "payment"),
    ),
    "ended by a dispute": (
        {"status": "canceled", "ended_at": T0 + DAY, "cancellation_details": {"reason": "payment_disputed"}},
        ("canceled", at(T0 + 2 * MONTH), None, "dispute"),
    ),
    "ended, nobody says why": ({"status": "canceled", "ended_at": T0 + DAY}, ("canceled", at(T0 + 2 * MONTH), None, "staff")),
}


@pytest.mark.parametrize(("values", "expected"), CASES.values(), ids=CASES.keys())
def test_from_stripes_words_to_ours(values: dict[str, Any], expected: tuple[Any, ...]) -> None:
    found = rules.snapshot(rules.read(stripes(**values)), "reader-monthly", None, NOW)
    assert (found.status, found.paid_until, found.ends_at, found.end_cause) == expected


TIMES: dict[str, tuple[dict[str, Any], rules.Known | None, datetime]] = {
    "active since it was last paid": ({}, None, at(T0 + MONTH)),
    "ended": ({"status": "canceled", "ended_at": T0 + 5}, None, at(T0 + 5)),
    "notice given": ({"cancel_at": T0 + 2 * MONTH, "canceled_at": T0 + 7}, None, at(T0 + 7)),
    "past due since the period that nobody paid began": ({"status": "past_due", "latest_invoice": OPEN_INVOICE}, None, at(T0 + MONTH)),
    "past due since the change of plan that was not paid": (
        {"status": "past_due", "latest_invoice": OPEN_INVOICE | BILLS_A_CHANGE},
        None,
        at(T0 + MONTH + 20 * DAY),
    ),
    "paused since": ({"status": "paused", "status_details": {"paused": {"transitioned_at": T0 + 9}}}, None, at(T0 + 9)),
    "taken back: Stripe keeps no time": ({}, rules.Known("price_1", 500, at(T0 + 2 * MONTH)), NOW),
    "another price: Stripe keeps no time": ({}, rules.Known("price_0", 400, None), NOW),
    "another price, dated by the bill of the change": (
        {"latest_invoice": PAID_INVOICE | BILLS_A_CHANGE | {"created": T0 + MONTH + DAY // 2}},
        rules.Known("price_0", 400, None, fetched_at=at(T0 + MONTH)),
        at(T0 + MONTH + DAY // 2),
    ),
    "another price since the period began": ({}, rules.Known("price_0", 400, None, fetched_at=at(T0 + DAY)), at(T0 + MONTH)),
    "a discount that is over": ({}, rules.Known("price_1", 500, None, 250 * 720, at(T0 + DAY)), at(T0 + MONTH)),
    "the same discount": ({}, rules.Known("price_1", 500, None, 500 * 720, at(T0 + DAY)), at(T0 + MONTH)),
    "a rate that nobody had written down yet": ({}, rules.Known("price_1", 500, None, None, at(T0)), at(T0 + MONTH)),
    "nothing new": ({}, rules.Known("price_1", 500, None), at(T0 + MONTH)),
}


@pytest.mark.parametrize(("values", "known", "since"), TIMES.values(), ids=TIMES.keys())
def test_facts_are_dated_by_the_object(values: dict[str, Any], known: rules.Known | None, since: datetime) -> None:
    assert rules.changed_at(rules.read(stripes(**values)), known, NOW) == since


def test_an_annual_price_is_a_twelfth_a_month() -> None:
    found = stripes()
    found["items"]["data"][0]["price"] = {"id": "p", "unit_amount": 5000, "recurring": {"interval": "year", "interval_count": 1}}
    assert rules.read(found).mrr_720 == 5000 * 720 // 12


def test_a_monthly_contribution_is_known_by_its_metadata() -> None:
    assert rules.read(stripes(metadata={"purpose": "contribution"})).purpose == "contribution"
