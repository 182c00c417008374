"""Free time before the first payment: trials once a person, a gift's days carried on, coupons, and nothing due at all."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from kit import clock
from kit.database import db
from membership import memberships
from membership.domain import standing
from membership.domain.standing import Snapshot
from membership.models import Account, MembershipInterval, MembershipSource
from payments import gateway
from payments.domain import discounts
from payments.models import CheckoutIntent, LedgerEntry, Plan
from tests.payments.readers import described, entitled, lived, press, subscribe, subscription_of

pytestmark = pytest.mark.usefixtures("on_sale")


def offer_trial(days: int = 14, plan: str = "reader-monthly") -> None:
    db.session.rollback()
    db.session.get_one(Plan, plan).trial_days = days
    db.session.commit()


def booked() -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(LedgerEntry).where(LedgerEntry.kind == "payment")) or 0


def asked(sandbox: Any, session_id: str) -> dict[str, Any]:
    return sandbox.get(session_id)["_data"]


def lose_card(sandbox: Any, subscription_id: str) -> None:
    api, card = gateway.client().v1, sandbox.get(subscription_id)["default_payment_method"]
    api.subscriptions.update(subscription_id, {"default_payment_method": ""})
    api.payment_methods.detach(card)


# --- trials -----------------------------------------------------------------------------------------------------------


def test_a_trial_opens_everything_and_books_nothing(visit: Any, make_account: Any, sandbox: Any, deliver: Any, later: Any) -> None:
    offer_trial()
    account_id = (account := make_account()).id
    assert "Try 14 days free, then $5.00 a month" in visit(account).get("/subscribe").text
    subscribe(visit, sandbox, deliver, account)
    found = described(account_id)
    assert (found["status"], found["entitled"], booked()) == ("trialing", True, 0)
    state, session_id = db.session.execute(select(CheckoutIntent.state, CheckoutIntent.session_id)).one()
    assert state == "complete", "nothing due is what was asked"
    db.session.rollback()
    assert "Nothing was charged today." in visit(account).get(f"/subscribe/thanks?session_id={session_id}").text
    assert "Then your subscription ends and nothing is charged." in visit(account).get("/account/cancel").text
    later(14.1)
    assert (described(account_id)["status"], booked()) == ("active", 1)
    assert lived(account_id) == [("trial", "trial", 500, "replaced"), ("paying", "active", 500, None)]


def test_a_first_look_after_the_trial_writes_both(visit: Any, make_account: Any, sandbox: Any, deliver: Any, later: Any) -> None:
    """Nothing was delivered for forty days: one look tells of trial, first payment and a renewal."""
    offer_trial()
    account_id = (account := make_account()).id
    sandbox.pay(press(visit(account)))
    sandbox.take_deliveries()
    later(47)
    assert lived(account_id) == [("trial", "trial", 500, "replaced"), ("paying", "active", 500, None)]
    rows = db.session.scalars(select(MembershipSource)).one()
    ends = db.session.scalars(select(MembershipInterval.until).where(MembershipInterval.state == "trial")).one()
    assert ends == rows.trial_end


def test_once_a_person(visit: Any, make_account: Any, sandbox: Any, deliver: Any, later: Any) -> None:
    offer_trial()
    account_id = (account := make_account()).id
    first = subscribe(visit, sandbox, deliver, account)
    gateway.client().v1.subscriptions.cancel(first)
    deliver()
    assert not entitled(account_id)
    account = db.session.get_one(Account, account_id)
    assert "days free" not in visit(account).get("/subscribe").text
    subscribe(visit, sandbox, deliver, account)
    assert (described(account_id)["status"], booked()) == ("active", 1)


def test_not_again_by_another_account_with_the_same_address(visit: Any, make_account: Any, sandbox: Any, deliver: Any) -> None:
    offer_trial()
    account_id = (account := make_account("ann@reader.example")).id
    subscribe(visit, sandbox, deliver, account)
    other_id = make_account("other@reader.example").id
    # The first account took another address since; the second one has that of the Customer that tried.
    db.session.get_one(Account, account_id).email_key = "moved@reader.example"
    other = db.session.get_one(Account, other_id)
    other.email_key = "ann@reader.example"
    db.session.commit()
    session = press(visit(db.session.get_one(Account, other_id)))
    assert "trial_period_days" not in asked(sandbox, session)


def test_a_first_payment_that_never_came_uses_nothing_up(visit: Any, make_account: Any, sandbox: Any, deliver: Any) -> None:
    offer_trial()
    account_id = (account := make_account()).id
    api = gateway.client().v1
    customer = api.customers.create({"email": "ann@reader.example", "metadata": {"account": account.public_id}})
    price_id = db.session.get_one(Plan, "reader-monthly").price_id
    db.session.rollback()
    method = api.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer.id})
    api.subscriptions.create({"customer": customer.id, "items": [{"price": price_id}], "default_payment_method": method.id})
    deliver()
    assert subscription_of(account_id).status == "incomplete"
    assert not entitled(account_id)
    sandbox.advance(24 * 3600)
    deliver()
    assert subscription_of(account_id).status == "incomplete_expired"
    assert (entitled(account_id), lived(account_id)) == (False, [])
    session = press(visit(db.session.get_one(Account, account_id)))
    assert asked(sandbox, session)["trial_period_days"] == 14


def test_without_a_card_a_trial_ends_by_itself(visit: Any, make_account: Any, sandbox: Any, deliver: Any, later: Any) -> None:
    offer_trial()
    account_id = (account := make_account()).id
    subscription_id = subscribe(visit, sandbox, deliver, account)
    lose_card(sandbox, subscription_id)
    later(15)
    assert (subscription_of(account_id).status, entitled(account_id), booked()) == ("canceled", False, 0)
    assert [(klass, state) for klass, state, _, _ in lived(account_id)] == [("trial", "trial")]


def test_or_is_paused_where_stripe_was_told_so(visit: Any, make_account: Any, sandbox: Any, deliver: Any, later: Any) -> None:
    offer_trial()
    account_id = (account := make_account()).id
    subscription_id = subscribe(visit, sandbox, deliver, account)
    api = gateway.client().v1
    api.subscriptions.update(subscription_id, {"trial_settings": {"end_behavior": {"missing_payment_method": "pause"}}})
    lose_card(sandbox, subscription_id)
    later(15)
    assert (described(account_id)["status"], entitled(account_id)) == ("paused", False)
    assert [(klass, state) for klass, state, _, _ in lived(account_id)] == [("trial", "trial"), ("trial", "paused")]


def test_staff_sets_the_trial(visit: Any, staff: Any) -> None:
    browser = visit(staff("finance"))
    page = browser.get("/admin/plans/")
    price_id = db.session.get_one(Plan, "reader-monthly").price_id
    assert price_id in page.text
    assert browser.submit("/admin/plans/reader-monthly", trial_days="30").status == 303
    db.session.rollback()
    assert db.session.get_one(Plan, "reader-monthly").trial_days == 30


@pytest.mark.parametrize("typed", ["-1", "91", "two", "1e1", "١٤", "9" * 400])
def test_a_trial_that_cannot_be(visit: Any, staff: Any, typed: str) -> None:
    browser = visit(staff("owner"))
    browser.get("/admin/plans/")
    page = browser.submit("/admin/plans/reader-monthly", trial_days=typed)
    assert (page.status, "from 0 to 90" in page.text) == (422, True)
    db.session.rollback()
    assert db.session.get_one(Plan, "reader-monthly").trial_days == 0


@pytest.mark.parametrize("role", ["editor", "support"])
def test_plans_are_finances(visit: Any, staff: Any, role: str) -> None:
    assert visit(staff(role)).get("/admin/plans/").status == 403


# --- a gift's days ----------------------------------------------------------------------------------------------------


def give(account_id: int, days: float) -> Any:
    """A gift that lets her read for so many days from now; its end."""
    now = clock.now()
    until = now + timedelta(days=days)
    gift = Snapshot(
        "gift", f"gift_{account_id}", "active", now, now, paid_until=until, ends_at=until, changed_at=now, plan_key="reader-monthly"
    )
    memberships.follow(account_id, gift)
    db.session.commit()
    return until


def test_a_gifts_days_carry_on(visit: Any, make_account: Any, sandbox: Any, deliver: Any, later: Any) -> None:
    offer_trial(30)
    account_id = make_account().id
    until = give(account_id, 20)
    browser = visit(db.session.get_one(Account, account_id))
    assert "Those days are yours" in browser.get("/subscribe").text
    session = press(browser)
    assert asked(sandbox, session)["trial_end"] == int(until.timestamp())
    sandbox.pay(session)
    deliver()
    found = described(account_id)
    assert (found["status"], found["source"], booked()) == ("active", "gift", 0)
    assert [klass for klass, *_ in lived(account_id)] == ["gift"], "one member, not two"
    now = clock.now()
    assert standing.waiting(memberships.standing_of(account_id), now) is not None
    db.session.rollback()
    later(20.1)
    found = described(account_id)
    assert (found["status"], found["source"], booked()) == ("active", "subscription", 1)
    assert [klass for klass, *_ in lived(account_id)] == ["gift", "paying"]


def test_there_is_no_gap_between_gift_and_subscription(visit: Any, make_account: Any, sandbox: Any, deliver: Any, later: Any) -> None:
    """Her window reaches over the gift's end before Stripe has told of the first payment."""
    account_id = make_account().id
    until = give(account_id, 10)
    sandbox.pay(press(visit(db.session.get_one(Account, account_id))))
    deliver()
    reach = standing.access_until(memberships.standing_of(account_id), clock.now())
    db.session.rollback()
    assert reach is not None
    assert reach > until


def test_a_gift_that_is_nearly_over_is_not_carried(visit: Any, make_account: Any, sandbox: Any, deliver: Any) -> None:
    account_id = make_account().id
    give(account_id, 2)
    session = press(visit(db.session.get_one(Account, account_id)))
    assert "trial_end" not in asked(sandbox, session)


def test_left_while_the_gift_still_runs(visit: Any, make_account: Any, sandbox: Any, deliver: Any, later: Any) -> None:
    account_id = make_account().id
    give(account_id, 10)
    subscription_id = subscribe(visit, sandbox, deliver, db.session.get_one(Account, account_id))
    gateway.client().v1.subscriptions.cancel(subscription_id)
    deliver()
    assert entitled(account_id)
    assert [klass for klass, *_ in lived(account_id)] == ["gift"]
    later(11)
    assert (entitled(account_id), booked()) == (False, 0)


def test_a_gift_that_came_after_the_first_click_changes_the_wish(visit: Any, make_account: Any, sandbox: Any, deliver: Any) -> None:
    account_id = make_account().id
    browser = visit(db.session.get_one(Account, account_id))
    first = press(browser)
    give(account_id, 30)
    second = press(browser)
    assert (sandbox.get(first)["status"], "trial_end" in asked(sandbox, second)) == ("expired", True)


# --- coupons ----------------------------------------------------------------------------------------------------------


def code(word: str, **coupon: Any) -> None:
    api = gateway.client().v1
    made = api.coupons.create(coupon)
    api.promotion_codes.create({"promotion": {"type": "coupon", "coupon": made.id}, "code": word})


COUPONS: dict[str, tuple[dict[str, Any], list[int], int]] = {
    # what the coupon says -> what was booked after each payment, monthly rate in minor units
    "once": ({"percent_off": 50, "duration": "once"}, [250, 500], 250),
    "two months": ({"percent_off": 50, "duration": "repeating", "duration_in_months": 2}, [250, 250], 250),
    "for ever": ({"amount_off": 100, "currency": "usd", "duration": "forever"}, [400, 400], 400),
}


@pytest.mark.parametrize(("coupon", "payments", "rate"), COUPONS.values(), ids=COUPONS.keys())
def test_a_code_typed_at_checkout(
    visit: Any, make_account: Any, sandbox: Any, deliver: Any, later: Any, coupon: Any, payments: Any, rate: int
) -> None:
    code("FRIEND", **coupon)
    account_id = (account := make_account()).id
    subscribe(visit, sandbox, deliver, account, promotion_code="FRIEND")
    assert db.session.scalars(select(CheckoutIntent.state)).one() == "complete"
    found = db.session.scalars(select(MembershipSource)).one()
    assert found.mrr_720 == rate * 720
    db.session.rollback()
    later(31.2)
    amounts = list(
        db.session.scalars(
            select(LedgerEntry.amount).where(LedgerEntry.kind == "payment").order_by(LedgerEntry.occurred_at, LedgerEntry.id)
        )
    )
    assert amounts == payments
    assert entitled(account_id)


def test_when_some_months_are_over_the_rate_rises(visit: Any, make_account: Any, sandbox: Any, deliver: Any, later: Any) -> None:
    code("SPRING", percent_off=50, duration="repeating", duration_in_months=2)
    account_id = (account := make_account()).id
    subscribe(visit, sandbox, deliver, account, promotion_code="SPRING")
    for _ in range(3):
        later(31)
    assert [(klass, rate) for klass, _, rate, _ in lived(account_id)] == [("paying", 250), ("paying", 500)]
    assert db.session.scalars(select(MembershipSource.mrr_720)).one() == 500 * 720


def test_wholly_free_for_ever_is_complimentary(visit: Any, make_account: Any, sandbox: Any, deliver: Any, later: Any) -> None:
    """Scenario 30: nothing to pay, a member, no row in the ledger."""
    code("PRESS", percent_off=100, duration="forever")
    account_id = (account := make_account()).id
    subscribe(visit, sandbox, deliver, account, promotion_code="PRESS")
    later(31.2)
    assert (entitled(account_id), booked()) == (True, 0)
    assert lived(account_id) == [("comp", "active", 0, None)]


OFF: dict[str, tuple[list[int], list[dict[str, Any]], list[int]]] = {
    "a third, rounded as Stripe does": ([1000], [{"percent_off": 33.33}], [667]),
    "half a cent off is a cent off": ([5], [{"percent_off": 50}], [2]),
    "never below nothing": ([300], [{"amount_off": 500}], [0]),
    "an amount runs over the items": ([300, 400], [{"amount_off": 500}], [0, 200]),
    "one after the other": ([1000], [{"percent_off": 50}, {"amount_off": 100}], [400]),
    "none": ([1000, 5], [], [1000, 5]),
}


@pytest.mark.parametrize(("amounts", "coupons", "left"), OFF.values(), ids=OFF.keys())
def test_what_coupons_leave(amounts: list[int], coupons: list[dict[str, Any]], left: list[int]) -> None:
    assert discounts.take_off(amounts, coupons) == left
