"""Changing the plan: up at once for the difference, down when what is paid is used up, and whatever may come between."""

from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import select

from kit.database import db
from membership.models import Account, MembershipInterval, MembershipSource
from payments import cancellations, changes, gateway
from payments.domain import changes as rules
from payments.domain.changes import NotNow, Terms
from payments.models import LedgerEntry, Plan
from tests.payments.readers import described, entitled, lived, press, subscribe, subscription_of

pytestmark = pytest.mark.usefixtures("on_sale")


def paid() -> list[int]:
    db.session.rollback()
    return list(
        db.session.scalars(
            select(LedgerEntry.amount).where(LedgerEntry.kind == "payment").order_by(LedgerEntry.occurred_at, LedgerEntry.id)
        )
    )


def browser_of(visit: Any, account_id: int) -> Any:
    return visit(db.session.get_one(Account, account_id))


def choose(browser: Any, plan: str) -> Any:
    """She presses this plan's button on the page, at the sum that it shows."""
    page = browser.get("/account/plan")
    form = next(form for form in page.forms() if form.fields.get("plan") == plan)
    return browser.post("/account/plan", form.fields)


def price_id(key: str) -> str:
    found = db.session.get_one(Plan, key).price_id
    db.session.rollback()
    assert found
    return found


# --- up, down, back -----------------------------------------------------------------------------------------------------


def test_up_is_now_for_what_the_page_showed(reader: Any, visit: Any, sandbox: Any, deliver: Any, later: Any) -> None:
    account_id, _ = reader
    later(10)
    browser = browser_of(visit, account_id)
    page = browser.get("/account/plan")
    form = next(form for form in page.forms() if form.fields.get("plan") == "supporter-monthly")
    assert browser.post("/account/plan", form.fields).status == 303
    assert described(account_id)["plan"] == "supporter-monthly", "before any webhook"
    deliver()
    shown = paid()[-1]
    assert f"Change now and pay ${shown // 100}.{shown % 100:02}" in page.text
    assert 0 < shown < 700
    assert [(state, rate) for _, state, rate, _ in lived(account_id)] == [("active", 500), ("active", 1200)]
    later(22)
    assert paid()[-1] == 1200


def test_down_waits_for_what_is_paid(visit: Any, make_account: Any, sandbox: Any, deliver: Any, later: Any) -> None:
    account_id = (account := make_account()).id
    subscribe(visit, sandbox, deliver, account, "supporter-monthly")
    later(3)
    browser = browser_of(visit, account_id)
    assert choose(browser, "reader-monthly").status == 303
    text = browser.get("/account/plan").text
    assert "on: Reader, monthly" in text
    deliver()
    row = subscription_of(account_id)
    assert (row.plan_key, row.next_plan_key, row.next_at) == ("supporter-monthly", "reader-monthly", row.period_end)
    assert (described(account_id)["plan"], paid()) == ("supporter-monthly", [1200])
    later(29)
    row = subscription_of(account_id)
    assert (row.plan_key, row.next_plan_key, paid()) == ("reader-monthly", None, [1200, 500])
    rows = list(db.session.scalars(select(MembershipInterval).order_by(MembershipInterval.effective_at)))
    assert [one.mrr_720 // 720 for one in rows] == [1200, 500]
    assert rows[1].effective_at == row.period_start, "it changed when the period did, not when we heard of it"


def test_a_change_that_waits_is_taken_back(visit: Any, make_account: Any, sandbox: Any, deliver: Any, later: Any) -> None:
    account_id = (account := make_account()).id
    subscribe(visit, sandbox, deliver, account, "supporter-monthly")
    browser = browser_of(visit, account_id)
    choose(browser, "reader-monthly")
    browser.get("/account/plan")
    assert browser.submit("/account/plan/withdraw").status == 303
    assert "Take this change back" not in browser.get("/account/plan").text
    deliver()
    assert subscription_of(account_id).schedule_id is None
    later(32)
    assert paid() == [1200, 1200]


def test_to_the_year_is_now_and_back_to_the_month_is_when_it_is_over(
    reader: Any, visit: Any, sandbox: Any, deliver: Any, later: Any
) -> None:
    account_id, _ = reader
    later(10)
    browser = browser_of(visit, account_id)
    assert choose(browser, "reader-yearly").status == 303
    deliver()
    row = subscription_of(account_id)
    assert (row.plan_key, row.interval) == ("reader-yearly", "year")
    assert 4600 < paid()[-1] < 5000, "what was left of the month is taken off"
    assert choose(browser, "supporter-monthly").status == 303
    row = subscription_of(account_id)
    assert (row.plan_key, row.next_plan_key, row.next_at) == ("reader-yearly", "supporter-monthly", row.period_end)


def test_a_waiting_change_gives_way_to_another(visit: Any, make_account: Any, sandbox: Any, deliver: Any) -> None:
    account_id = (account := make_account()).id
    subscribe(visit, sandbox, deliver, account, "supporter-monthly")
    browser = browser_of(visit, account_id)
    choose(browser, "reader-monthly")
    choose(browser, "supporter-yearly")
    deliver()
    row = subscription_of(account_id)
    assert (row.plan_key, row.schedule_id) == ("supporter-yearly", None)


def test_a_discount_goes_on_through_the_change(visit: Any, make_account: Any, sandbox: Any, deliver: Any, later: Any) -> None:
    api = gateway.client().v1
    coupon = api.coupons.create({"percent_off": 50, "duration": "forever"})
    api.promotion_codes.create({"promotion": {"type": "coupon", "coupon": coupon.id}, "code": "HALF"})
    account_id = (account := make_account()).id
    subscribe(visit, sandbox, deliver, account, "supporter-monthly", promotion_code="HALF")
    choose(browser_of(visit, account_id), "reader-monthly")
    later(32)
    assert paid() == [600, 250]
    assert db.session.scalars(select(MembershipSource.mrr_720)).one() == 250 * 720


def test_leaving_lets_go_of_a_waiting_change(visit: Any, make_account: Any, sandbox: Any, deliver: Any, later: Any) -> None:
    account_id = (account := make_account()).id
    subscription_id = subscribe(visit, sandbox, deliver, account, "supporter-monthly")
    choose(browser_of(visit, account_id), "reader-monthly")
    customer_id = subscription_of(account_id).customer_id
    db.session.rollback()
    cancellations.schedule(subscription_id, customer_id, cancellations.Wish())
    db.session.commit()
    later(32)
    assert (paid(), entitled(account_id)) == ([1200], False)


def test_during_a_trial_it_costs_nothing(visit: Any, make_account: Any, sandbox: Any, deliver: Any, later: Any) -> None:
    db.session.get_one(Plan, "reader-monthly").trial_days = 14
    db.session.commit()
    account_id = (account := make_account()).id
    subscribe(visit, sandbox, deliver, account)
    browser = browser_of(visit, account_id)
    assert "Today you pay nothing" in browser.get("/account/plan").text
    choose(browser, "supporter-monthly")
    deliver()
    found = described(account_id)
    assert (found["status"], found["plan"], paid()) == ("trialing", "supporter-monthly", [])
    later(15)
    assert paid() == [1200]


# --- the bank, and other trouble ------------------------------------------------------------------------------------------


def test_when_the_bank_asks_the_change_waits_and_then_applies(reader: Any, visit: Any, sandbox: Any, deliver: Any, later: Any) -> None:
    account_id, subscription_id = reader
    later(5)
    customer_id = subscription_of(account_id).customer_id
    sandbox.portal_replace_card(customer_id, "4000002760003184")
    deliver()
    browser = browser_of(visit, account_id)
    assert choose(browser, "supporter-monthly").status == 303
    page = browser.get("/account/plan")
    assert "A change of plan waits for its payment" in page.text
    assert any("invoice" in link for link in page.links())
    deliver()
    found = described(account_id)
    assert (found["plan"], found["status"], found["entitled"], paid()) == ("reader-monthly", "active", True, [500])
    invoice = sandbox.get(sandbox.get(subscription_id)["latest_invoice"])
    gateway.client().v1.invoices.pay(invoice["id"], {"payment_method": "pm_card_visa"})
    deliver()
    found = described(account_id)
    assert (found["plan"], len(paid())) == ("supporter-monthly", 2)
    assert subscription_of(account_id).update_expires_at is None


def test_or_it_is_forgotten_and_nothing_is_lost(reader: Any, visit: Any, sandbox: Any, deliver: Any, later: Any) -> None:
    account_id, _ = reader
    sandbox.portal_replace_card(subscription_of(account_id).customer_id, "4000000000000341")
    deliver()
    choose(browser_of(visit, account_id), "supporter-monthly")
    deliver()
    assert subscription_of(account_id).update_expires_at is not None
    later(1.1)
    found = described(account_id)
    assert (found["plan"], found["status"], found["entitled"], paid()) == ("reader-monthly", "active", True, [500])
    assert [(state, rate) for _, state, rate, _ in lived(account_id)] == [("active", 500)]


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda sandbox, sub, _cus: sandbox.portal_cancel(sub), "take that back first"),
        (
            lambda _sandbox, sub, _cus: gateway.client().v1.subscriptions.update(sub, {"pause_collection": {"behavior": "void"}}),
            "Your subscription is paused",
        ),
    ],
    ids=["ending", "paused"],
)
def test_when_it_cannot_be_changed_the_page_says_why(reader: Any, visit: Any, sandbox: Any, deliver: Any, act: Any, words: str) -> None:
    account_id, subscription_id = reader
    act(sandbox, subscription_id, "")
    deliver()
    browser = browser_of(visit, account_id)
    page = browser.get("/account/plan")
    assert words in page.text
    assert not [form for form in page.forms() if form.action == "/account/plan"]
    assert browser.post("/account/plan", {"plan": "supporter-monthly"}).status == 303
    assert paid() == [500]


def test_a_plan_that_is_not_on_sale(reader: Any, visit: Any) -> None:
    browser = browser_of(visit, reader[0])
    page = browser.post("/account/plan", {"plan": "reader-weekly"})
    assert (page.status, "not on sale" in page.text) == (422, True)


def test_pressed_twice_is_one_change(reader: Any, visit: Any, deliver: Any) -> None:
    account_id, _ = reader
    browser = browser_of(visit, account_id)
    choose(browser, "supporter-monthly")
    assert browser.post("/account/plan", {"plan": "supporter-monthly"}).status == 303
    deliver()
    assert len(paid()) == 2


def test_without_a_subscription_there_is_nothing_to_change(visit: Any, make_account: Any) -> None:
    browser = visit(make_account())
    for path in ("/account/plan", "/account/pause"):
        assert browser.get(path).location == "/subscribe"


def test_stripe_away_changes_nothing(reader: Any, visit: Any, sandbox: Any) -> None:
    browser = browser_of(visit, reader[0])
    sandbox.stop()
    page = browser.get("/account/plan")
    assert (page.status, "Stripe does not answer just now" in page.text) == (503, True)


# --- quantity -------------------------------------------------------------------------------------------------------------


def test_more_at_once_and_fewer_from_the_next_bill(reader: Any, visit: Any, deliver: Any, later: Any) -> None:
    account_id, subscription_id = reader
    customer_id = subscription_of(account_id).customer_id
    later(10)
    db.session.rollback()
    row = changes.to_quantity(subscription_id, customer_id, 5)
    db.session.commit()
    assert row is not None
    assert row.quantity == 5
    deliver()
    assert 1200 < paid()[-1] < 2000
    assert [rate for *_, rate, _ in lived(account_id)] == [500, 2500]
    page = browser_of(visit, account_id).get("/account/plan").text
    assert "Reader, monthly × 5" in page
    assert "$250.00 a year" in page
    db.session.rollback()
    changes.to_quantity(subscription_id, customer_id, 2)
    db.session.commit()
    deliver()
    assert len(paid()) == 2, "nothing is given back"
    later(22)
    assert paid()[-1] == 1000


def test_the_same_quantity_asks_nothing(reader: Any, sandbox: Any) -> None:
    account_id, subscription_id = reader
    customer_id = subscription_of(account_id).customer_id
    db.session.rollback()
    before = sum(one["method"] == "POST" for one in sandbox.requests)
    changes.to_quantity(subscription_id, customer_id, 1)
    db.session.commit()
    assert sum(one["method"] == "POST" for one in sandbox.requests) == before
    with pytest.raises(ValueError, match="at least"):
        changes.to_quantity(subscription_id, customer_id, 0)


# --- whatever arrives, in whatever order ----------------------------------------------------------------------------------


def test_every_order_of_what_a_change_tells(visit: Any, make_account: Any, sandbox: Any, deliver: Any) -> None:
    """A subscription and its change of plan, told late, doubled and in orders drawn from all: the same in the end."""
    account_id = (account := make_account()).id
    sandbox.pay(press(visit(account)))
    subscription_id = next(one["data"]["object"]["id"] for one in sandbox.events() if one["type"] == "customer.subscription.created")
    sandbox.portal_change_plan(subscription_id, price_id("supporter-monthly"))
    told = [one for one in sandbox.take_deliveries() if one.event["type"].startswith(("customer.sub", "invoice.p", "charge.s", "checkout"))]
    orders = list(permutations(told[:6]))
    for order in (orders[0], orders[-1], orders[len(orders) // 2], orders[len(orders) // 3]):
        deliver(deliveries=[*order, *order[:2], *told])
        found = described(account_id)
        assert (found["plan"], found["status"], found["entitled"], paid()) == ("supporter-monthly", "active", True, [500])


# --- the rule, as a table -------------------------------------------------------------------------------------------------

MONTH_5, MONTH_12, YEAR_50, YEAR_120 = Terms("month", 500), Terms("month", 1200), Terms("year", 5000), Terms("year", 12000)


@pytest.mark.parametrize(
    ("present", "wanted", "when"),
    [
        (MONTH_5, MONTH_12, "now"),
        (MONTH_12, MONTH_5, "period_end"),
        (MONTH_5, YEAR_50, "now"),
        (MONTH_12, YEAR_50, "now"),
        (YEAR_50, MONTH_12, "period_end"),
        (YEAR_50, YEAR_120, "now"),
        (YEAR_120, YEAR_50, "period_end"),
        (MONTH_5, Terms("month", 500), "period_end"),
    ],
)
def test_when_a_change_takes_effect(present: Terms, wanted: Terms, when: str) -> None:
    assert rules.when(present, wanted) == when
    assert rules.when(present, wanted, trial=True) == "free"


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (None, "none"),
        ({"status": "canceled"}, "none"),
        ({"status": "incomplete"}, "none"),
        ({"status": "active", "cancel_at": 5}, "ending"),
        ({"status": "active", "cancel_at_period_end": True}, "ending"),
        ({"status": "past_due"}, "unpaid"),
        ({"status": "paused"}, "paused"),
        ({"status": "active", "pause_collection": {"behavior": "void"}}, "paused"),
        ({"status": "active", "pending_update": {"expires_at": 5}}, "pending"),
        ({"status": "active", "items": {"data": [{}, {}]}}, "several"),
    ],
)
def test_when_none_is_possible(found: Any, reason: str) -> None:
    with pytest.raises(NotNow, match=reason):
        rules.check(found)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [("10000", True), ("10001", False), ("6399", False), ("6401", True), ("", False), ("-5", False), ("１０", False), ("9" * 40, False)],
)
def test_only_a_fresh_sum_is_charged_as_shown(typed: str, kept: bool) -> None:
    assert (rules.sane_date(typed, datetime.fromtimestamp(10000, UTC), 0) is not None) == kept
    assert rules.sane_date("9999", datetime.fromtimestamp(10000, UTC), 9999 + 1) is None


ITEM: dict[str, Any] = {"id": "si_1", "quantity": 5, "price": {"id": "price_a"}, "current_period_start": 100}


@pytest.mark.parametrize(
    ("mark", "paid"),
    [
        (rules.remembered(10, ITEM), 10),
        (rules.remembered(3, ITEM), 5),
        (rules.remembered(10, {**ITEM, "current_period_start": 99}), 5),
        (rules.remembered(10, {**ITEM, "price": {"id": "price_b"}}), 5),
        ({"paid_quantity": "many price_a 100"}, 5),
        ({"paid_quantity": ""}, 5),
        ({}, 5),
        (None, 5),
    ],
)
def test_what_is_paid_for_the_period(mark: Any, paid: int) -> None:
    assert rules.paid_quantity({"metadata": mark}, ITEM) == paid
