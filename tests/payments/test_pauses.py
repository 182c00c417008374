"""Pausing by both of Stripe's ways: what is paid is read to its end, then the gate is shut, then it goes on."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from kit import clock
from kit.database import db
from membership.models import Account, MembershipInterval
from payments import gateway, pauses
from payments.domain import pauses as rules
from payments.domain.changes import NotNow
from payments.models import LedgerEntry
from tests.payments.readers import described, entitled, history, subscribe, subscription_of

pytestmark = pytest.mark.usefixtures("on_sale")


def paid() -> list[int]:
    db.session.rollback()
    return list(db.session.scalars(select(LedgerEntry.amount).where(LedgerEntry.kind == "payment")))


def states(account_id: int) -> list[str]:
    return [state for state, _ in history(account_id)]


def browser_of(visit: Any, account_id: int) -> Any:
    return visit(db.session.get_one(Account, account_id))


def test_a_month_off_and_back_by_itself(reader: Any, visit: Any, deliver: Any, later: Any) -> None:
    account_id, _ = reader
    browser = browser_of(visit, account_id)
    browser.get("/account/pause")
    assert browser.submit("/account/pause", months="1").status == 303
    assert "Go on now" in browser.get("/account/pause").text
    deliver()
    end = subscription_of(account_id).period_end
    assert entitled(account_id), "what is paid is read to its end"
    later(33)
    assert (described(account_id)["status"], entitled(account_id), paid()) == ("paused", False, [500])
    row = db.session.scalars(select(MembershipInterval).where(MembershipInterval.state == "paused")).one()
    assert row.effective_at == end, "to the second"
    later(31)
    assert (described(account_id)["status"], entitled(account_id), paid()) == ("active", True, [500, 500])
    assert states(account_id) == ["active", "paused", "active"]
    later(31)
    assert len(paid()) == 3


def test_back_sooner_by_one_button(reader: Any, visit: Any, deliver: Any, later: Any) -> None:
    account_id, subscription_id = reader
    customer_id = subscription_of(account_id).customer_id
    until = rules.later(subscription_of(account_id).period_end, 3)
    db.session.rollback()
    pauses.pause(subscription_id, customer_id, until=until)
    db.session.commit()
    later(40)
    assert not entitled(account_id)
    browser = browser_of(visit, account_id)
    page = browser.get("/account/pause")
    assert "charged today" in page.text
    assert browser.submit("/account/pause/resume").status == 303
    assert entitled(account_id), "at once, before any webhook"
    deliver()
    assert (paid(), described(account_id)["status"]) == ([500, 500], "active")
    assert described(account_id)["paid_until"] > clock.now() + timedelta(days=27), "a whole period from today"
    assert states(account_id) == ["active", "paused", "active"]


def test_taken_back_before_it_began(reader: Any, visit: Any, deliver: Any, later: Any) -> None:
    account_id, _ = reader
    browser = browser_of(visit, account_id)
    browser.get("/account/pause")
    browser.submit("/account/pause", months="2")
    assert "renews on" in browser.get("/account/pause").text
    browser.submit("/account/pause/resume")
    deliver()
    assert paid() == [500]
    later(32)
    assert (paid(), states(account_id)) == ([500, 500], ["active"])


def test_a_year_is_paused_past_its_end_and_begins_anew(visit: Any, make_account: Any, sandbox: Any, deliver: Any, later: Any) -> None:
    """The voided renewal is for a whole year: nobody waits for the next one."""
    account_id = (account := make_account()).id
    subscription_id = subscribe(visit, sandbox, deliver, account, "reader-yearly")
    row = subscription_of(account_id)
    customer_id, until = row.customer_id, rules.later(row.period_end, 2)
    later(200)
    pauses.pause(subscription_id, customer_id, until=until)
    db.session.commit()
    later(170)
    assert (entitled(account_id), paid()) == (False, [5000])
    later(60)
    deliver()
    assert (entitled(account_id), paid()) == (True, [5000, 5000])
    assert subscription_of(account_id).period_end > clock.now() + timedelta(days=360)


@pytest.mark.parametrize("behavior", ["void", "keep_as_draft", "mark_uncollectible"])
def test_whatever_becomes_of_the_bill_the_unpaid_period_is_closed(
    reader: Any, sandbox: Any, deliver: Any, later: Any, behavior: str
) -> None:
    """As staff does in the Dashboard: nothing here asked for it."""
    account_id, subscription_id = reader
    gateway.client().v1.subscriptions.update(subscription_id, {"pause_collection": {"behavior": behavior}})
    deliver()
    assert (described(account_id)["status"], entitled(account_id)) == ("active", True)
    later(33)
    assert (described(account_id)["status"], entitled(account_id), paid()) == ("paused", False, [500])
    gateway.client().v1.subscriptions.update(subscription_id, {"pause_collection": ""})
    deliver()
    assert paid() == [500], "a pause that is not ours is not ended by charging"


def test_stripes_other_way_stops_at_once(reader: Any, visit: Any, sandbox: Any, deliver: Any, later: Any) -> None:
    account_id, subscription_id = reader
    later(10)
    gateway.client().v1.subscriptions.pause(subscription_id, {"type": "subscription"})
    deliver()
    assert (described(account_id)["status"], entitled(account_id)) == ("paused", False)
    later(30)
    browser = browser_of(visit, account_id)
    assert "Your subscription is paused" in browser.get("/account/pause").text
    assert browser.submit("/account/pause/resume").status == 303
    deliver()
    assert (described(account_id)["status"], entitled(account_id)) == ("active", True)
    assert states(account_id) == ["active", "paused", "active"]


def test_staff_pauses_and_lets_go_on(reader: Any, visit: Any, staff: Any, deliver: Any) -> None:
    account_id, subscription_id = reader
    public_id = db.session.get_one(Account, account_id).public_id
    browser = visit(staff("support"))
    browser.get(f"/admin/members/{public_id}")
    assert browser.submit(f"/admin/subscriptions/{subscription_id}/pause").status == 303
    assert not entitled(account_id)
    browser.get(f"/admin/members/{public_id}")
    assert browser.submit(f"/admin/subscriptions/{subscription_id}/resume").status == 303
    deliver()
    assert entitled(account_id)


def test_every_delivery_again_and_the_other_way_round(reader: Any, sandbox: Any, deliver: Any, later: Any) -> None:
    account_id, subscription_id = reader
    customer_id, until = subscription_of(account_id).customer_id, rules.later(subscription_of(account_id).period_end, 1)
    db.session.rollback()
    pauses.pause(subscription_id, customer_id, until=until)
    db.session.commit()
    later(66)
    before = (described(account_id), paid(), history(account_id))
    told = [one for one in sandbox.events() if one["type"].startswith(("customer.subscription", "invoice"))]
    from payments import journal

    for one in reversed(told):
        journal.replay("", one["id"])
        db.session.commit()
    deliver()
    assert (described(account_id), paid(), history(account_id)) == before


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (lambda sandbox, sub: sandbox.portal_cancel(sub), "ending"),
        (lambda _sandbox, sub: gateway.client().v1.subscriptions.pause(sub, {"type": "subscription"}), "paused"),
    ],
    ids=["ending", "paused already"],
)
def test_what_cannot_be_paused(reader: Any, sandbox: Any, act: Any, reason: str) -> None:
    account_id, subscription_id = reader
    customer_id, until = subscription_of(account_id).customer_id, clock.now() + timedelta(days=80)
    db.session.rollback()
    act(sandbox, subscription_id)
    with pytest.raises(NotNow, match=reason):
        pauses.pause(subscription_id, customer_id, until=until)


def test_a_pause_that_skips_nothing_is_refused(reader: Any) -> None:
    account_id, subscription_id = reader
    customer_id = subscription_of(account_id).customer_id
    db.session.rollback()
    with pytest.raises(NotNow, match="too-soon"):
        pauses.pause(subscription_id, customer_id, until=clock.now() + timedelta(days=3))


@pytest.mark.parametrize("months", ["", "0", "4", "-1", "one"])
def test_only_a_pause_that_is_offered(reader: Any, visit: Any, months: str) -> None:
    browser = browser_of(visit, reader[0])
    browser.get("/account/pause")
    page = browser.submit("/account/pause", months=months)
    assert (page.status, "Please choose one of these" in page.text) == (422, True)


@pytest.mark.parametrize(
    ("end", "months", "until"),
    [
        (datetime(2026, 1, 31, 12, tzinfo=UTC), 1, datetime(2026, 2, 28, 12, tzinfo=UTC)),
        (datetime(2027, 12, 31, tzinfo=UTC), 2, datetime(2028, 2, 29, tzinfo=UTC)),
        (datetime(2026, 10, 5, tzinfo=UTC), 3, datetime(2027, 1, 5, tzinfo=UTC)),
        (datetime(2026, 12, 1, tzinfo=UTC), 1, datetime(2027, 1, 1, tzinfo=UTC)),
    ],
)
def test_so_many_calendar_months(end: datetime, months: int, until: datetime) -> None:
    assert rules.later(end, months) == until
