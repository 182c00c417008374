"""A pause is said when it begins and before it charges again; who leaves while it runs is not charged by its end."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from kit import clock
from kit.database import db
from membership.models import Account
from payments import gateway
from payments.models import LedgerEntry
from tests.payments.readers import described, entitled, history, subscribe, subscription_of

pytestmark = pytest.mark.usefixtures("on_sale")


@pytest.fixture
def yearly(visit: Any, make_account: Any, sandbox: Any, deliver: Any) -> tuple[int, str]:
    """(account id, Subscription's id) of a reader who pays by the year."""
    account_id = (account := make_account("ann@reader.example")).id
    return account_id, subscribe(visit, sandbox, deliver, account, "reader-yearly")


def browser(visit: Any, account_id: int) -> Any:
    db.session.rollback()
    return visit(db.session.get_one(Account, account_id))


def paid() -> list[int]:
    db.session.rollback()
    return list(db.session.scalars(select(LedgerEntry.amount).where(LedgerEntry.kind == "payment")))


def mails(outbox: Any, part: str) -> list[Any]:
    return [mail for mail in outbox() if part in mail.subject]


def pause(visit: Any, account_id: int, months: str = "1") -> None:
    her = browser(visit, account_id)
    her.get("/account/pause")
    assert her.submit("/account/pause", months=months).status == 303


@pytest.mark.parametrize("way", ["her page", "the page on which she leaves"])
def test_a_pause_of_hers_is_confirmed_by_mail_once(yearly: Any, visit: Any, deliver: Any, outbox: Any, way: str) -> None:
    account_id, _ = yearly
    if way == "her page":
        pause(visit, account_id)
    else:
        her = browser(visit, account_id)
        her.get("/account/cancel")
        her.submit("/account/cancel", take="pause", months="1")
    assert len(mails(outbox, "is paused")) == 1, "at once, by the page that did it"
    deliver()
    (mail,) = mails(outbox, "is paused")
    assert "charged again from then on" in mail.text
    her = browser(visit, account_id)
    her.get("/account/pause")
    assert her.submit("/account/pause/resume").status == 303
    deliver()
    assert len(mails(outbox, "goes on")) == 1


def test_a_paused_year_is_announced_before_it_goes_on_and_is_charged(
    yearly: Any, visit: Any, deliver: Any, later: Any, outbox: Any, remind: Any
) -> None:
    account_id, _ = yearly
    pause(visit, account_id, "2")
    deliver()
    later(346)
    remind()
    assert mails(outbox, "renews on") == [], "at the period's end nothing is charged"
    back = subscription_of(account_id).resumes_at
    assert back is not None
    later((back - clock.now()).days - 21.5)
    remind()
    assert mails(outbox, "Your pause") == []
    later(1.5)
    remind()
    later(1)
    remind()
    (mail,) = mails(outbox, "Your pause")
    assert "$50.00 to your Visa card ending in 4242" in mail.text
    assert "every year" in mail.text
    assert "cancel before that day" in mail.text
    assert paid() == [5000]
    later(25)
    deliver()
    assert paid() == [5000, 5000]


def test_a_paused_month_and_one_that_leaves_are_not_announced(
    visit: Any, make_account: Any, sandbox: Any, deliver: Any, later: Any, outbox: Any, remind: Any
) -> None:
    account_id = (account := make_account("ann@reader.example")).id
    subscribe(visit, sandbox, deliver, account)
    pause(visit, account_id)
    later(45)
    remind()
    assert mails(outbox, "Your pause") == []


def test_a_pause_by_staff_that_is_over_before_the_year_is_hides_no_renewal(
    yearly: Any, deliver: Any, later: Any, outbox: Any, remind: Any
) -> None:
    """In the Dashboard, until a week before the year ends: then it renews as ever, and she is told as ever."""
    account_id, subscription_id = yearly
    until = subscription_of(account_id).period_end - timedelta(days=7)  # ty: ignore[unsupported-operator]
    db.session.rollback()
    gateway.client().v1.subscriptions.update(
        subscription_id, {"pause_collection": {"behavior": "void", "resumes_at": int(until.timestamp())}}
    )
    deliver()
    later(350)
    remind()
    assert len(mails(outbox, "renews on")) == 1
    assert mails(outbox, "Your pause") == [], "nothing is charged on that day"


def test_who_leaves_while_her_pause_shuts_the_gate_is_not_charged_when_it_ends(
    yearly: Any, visit: Any, deliver: Any, later: Any, outbox: Any
) -> None:
    account_id, _ = yearly
    pause(visit, account_id, "2")
    later(370)
    assert (described(account_id)["status"], entitled(account_id)) == ("paused", False)
    her = browser(visit, account_id)
    assert "Your subscription ends and nothing more is charged." in her.get("/account/cancel").text
    assert her.submit("/account/cancel", reason="unused").status == 303
    assert described(account_id)["status"] == "lapsed", "there is nothing paid to be read to its end"
    deliver()
    for _ in range(6):
        later(15)
    assert paid() == [5000]
    assert len(mails(outbox, "has ended")) == 1
    assert history(account_id)[-1][1] == "reader"


def test_who_leaves_in_the_portal_while_her_pause_shuts_the_gate_is_not_charged_either(
    yearly: Any, visit: Any, sandbox: Any, deliver: Any, later: Any
) -> None:
    account_id, subscription_id = yearly
    pause(visit, account_id, "2")
    later(370)
    sandbox.portal_cancel(subscription_id)
    deliver()
    for _ in range(6):
        later(15)
    assert paid() == [5000]
    assert subscription_of(account_id).ended_at is not None
    assert not entitled(account_id)


def test_who_leaves_before_her_pause_begins_reads_what_is_paid(yearly: Any, visit: Any, later: Any) -> None:
    account_id, _ = yearly
    pause(visit, account_id)
    later(30)
    her = browser(visit, account_id)
    her.get("/account/cancel")
    her.submit("/account/cancel")
    assert entitled(account_id)
    assert subscription_of(account_id).ends_at == subscription_of(account_id).period_end
    for _ in range(14):
        later(30)
    assert paid() == [5000]
