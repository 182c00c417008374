"""Discounts that run out: what a reader pays now, what she will pay, and who is no paying member until she pays."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from kit import clock
from kit.database import db
from kit.formats import zone
from membership.models import MembershipInterval
from payments import gateway
from payments.models import Subscription
from reports import dwindling
from reports.domain.flow import Kind
from reports.domain.months import Month
from reports.dwindling import MonthLine
from tests.payments.readers import lived, subscribe, subscription_of
from tests.payments.test_trials import booked, code

FREE = {"percent_off": 100, "duration": "once"}


pytestmark = pytest.mark.usefixtures("on_sale")


def month_of_now() -> MonthLine:
    """The running month of the report; its identities hold."""
    db.session.rollback()
    now = clock.now() + timedelta(seconds=5)
    month = Month.of(now, zone())
    report = dwindling.read(month.plus(-2), month, zone(), now)
    assert report.differences == {}
    return report.lines[-1]


def rates() -> tuple[int | None, int | None]:
    """(current, committed) in minor units a month, of the one Subscription there is."""
    db.session.rollback()
    current, committed = db.session.execute(select(Subscription.mrr_720, Subscription.committed_720)).one()
    return current // 720, committed // 720


def test_the_first_month_free_is_no_paying_member_until_it_ends(
    visit: Any, make_account: Any, sandbox: Any, deliver: Any, later: Any
) -> None:
    code("FIRST", **FREE)
    account_id = (account := make_account()).id
    subscribe(visit, sandbox, deliver, account, promotion_code="FIRST")
    line = month_of_now()
    assert (line.flow.closing, line.bridges, booked()) == (0, {}, 0)
    assert rates() == (0, 500)
    later(31.2)
    assert lived(account_id) == [("comp", "active", 0, "replaced"), ("paying", "active", 500, None)]
    line = month_of_now()
    assert (line.flow.closing, line.flow.kinds[Kind.NEW], booked()) == (1, 1, 1)
    assert line.bridges["usd"].closing == 500 * 720
    assert rates() == (500, 500)


def test_when_she_pays_for_the_first_time_is_when_that_period_begins(
    visit: Any, make_account: Any, sandbox: Any, deliver: Any, later: Any
) -> None:
    code("FIRST", **FREE)
    account_id = (account := make_account()).id
    subscribe(visit, sandbox, deliver, account, promotion_code="FIRST")
    later(36)  # nobody looked in between
    since = select(MembershipInterval.effective_at).where(MembershipInterval.klass == "paying")
    assert db.session.scalars(since).one() == subscription_of(account_id).period_start


def test_a_free_month_after_which_the_card_fails_loses_no_member(
    visit: Any, make_account: Any, sandbox: Any, deliver: Any, later: Any
) -> None:
    code("FIRST", **FREE)
    account_id = (account := make_account()).id
    subscribe(visit, sandbox, deliver, account, promotion_code="FIRST")
    customer_id = subscription_of(account_id).customer_id
    sandbox.card_fails(customer_id)
    later(32)
    assert lived(account_id)[-1][:2] == ("comp", "past_due")
    line = month_of_now()
    assert (line.flow.closing, line.flow.joined, line.flow.lost) == (0, 0, 0)
    sandbox.card_works(customer_id)
    later(0.1)
    assert lived(account_id)[-1] == ("paying", "active", 500, None)
    assert month_of_now().flow.kinds[Kind.NEW] == 1


def test_a_free_month_on_the_way_is_out_of_mrr_and_back(visit: Any, make_account: Any, sandbox: Any, deliver: Any, later: Any) -> None:
    account_id = (account := make_account()).id
    subscription_id = subscribe(visit, sandbox, deliver, account)
    api = gateway.client().v1
    coupon = api.coupons.create(FREE)
    api.subscriptions.update(subscription_id, {"discounts": [{"coupon": coupon.id}]})
    deliver()
    assert rates() == (500, 500), "this month was paid: the coupon waits for the next bill"
    later(32)
    assert rates() == (0, 500)
    later(31)
    assert [(klass, rate) for klass, _, rate, _ in lived(account_id)] == [("paying", 500), ("comp", 0), ("paying", 500)]
    assert month_of_now().flow.kinds[Kind.REACTIVATED] == 1


def test_half_off_the_first_year_is_half_its_mrr_for_that_year(visit: Any, make_account: Any, sandbox: Any, deliver: Any) -> None:
    """Three months of discount on a yearly bill lower the whole year: that is what was paid for it."""
    code("SPRING", percent_off=50, duration="repeating", duration_in_months=3)
    account = make_account()
    subscription_id = subscribe(visit, sandbox, deliver, account, plan="reader-yearly", promotion_code="SPRING")
    assert rates() == (2500 // 12, 5000 // 12)
    with sandbox.world.lock:
        sandbox.get(subscription_id)["discounts"] = []  # as Stripe has it when the three months are over
    gateway.client().v1.subscriptions.update(subscription_id, {"metadata": {"seen": "again"}})
    deliver()
    assert rates() == (2500 // 12, 5000 // 12)


def test_for_ever_lowers_both(visit: Any, make_account: Any, sandbox: Any, deliver: Any) -> None:
    code("FRIEND", amount_off=100, currency="usd", duration="forever")
    subscribe(visit, sandbox, deliver, make_account(), promotion_code="FRIEND")
    assert rates() == (400, 400)
