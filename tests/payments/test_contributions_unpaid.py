"""A monthly contribution whose card fails: its giver is told, guests too, puts another card in by her link, and hears when it is over."""

import re
from typing import Any

import pytest
from sqlalchemy import func, select

from kit import clock
from kit.database import db
from membership import signals
from membership.models import Account
from payments import monthly_links
from payments.models import Contribution, LedgerEntry
from tests.payments.givers import contribute

DECLINED, ASKS = "4000000000000341", "4000002760003184"


@pytest.fixture
def running(visit: Any, sandbox: Any, deliver: Any) -> str:
    """The path of the page of a guest's monthly contribution of 25 dollars."""
    contribute(visit(), sandbox, frequency="month")
    deliver()
    path = f"/contribute/monthly/{monthly_links.token_for(only())}"
    db.session.rollback()
    return path


def only() -> Contribution:
    db.session.rollback()
    return db.session.scalars(select(Contribution)).one()


def mails(outbox: Any, part: str) -> list[Any]:
    return [mail for mail in outbox() if part in mail.subject]


def payments() -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).where(LedgerEntry.kind == "payment")) or 0


def fails(sandbox: Any, deliver: Any, card: str = DECLINED) -> None:
    sandbox.portal_replace_card(only().customer_id, card)
    deliver()
    sandbox.advance(32 * 24 * 3600)
    deliver()
    assert only().status == "past_due"


def test_a_guest_is_told_and_puts_another_card_in(running: str, visitor: Any, sandbox: Any, deliver: Any, outbox: Any) -> None:
    fails(sandbox, deliver)
    (mail,) = mails(outbox, "did not go through")
    assert mail.recipient == "gus@guest.example"
    assert "$25.00" in mail.text
    assert re.findall(r"https?://\S+", mail.text) == [f"http://localhost{running}"], "the page that has both: another card, and the end"
    page = visitor.get(running)
    assert "The last payment did not go through." in page.text
    answer = visitor.submit(f"{running}/card")
    assert answer.status == 303
    (session,) = sandbox.world.store.all("billing_portal.session")
    assert answer.headers["Location"] == session["url"]
    assert (session["customer"], session["flow"]["type"]) == (only().customer_id, "payment_method_update")
    assert session["return_url"] == f"http://localhost{running}"
    assert session["flow"]["after_completion"]["redirect"]["return_url"] == f"http://localhost{running}"
    sandbox.portal_replace_card(only().customer_id)
    deliver()
    deliver()
    assert (only().status, payments()) == ("active", 2), "what was overdue is paid at once by the new card"
    assert sandbox.complaints == []


def test_a_guest_s_bank_asks(running: str, visitor: Any, sandbox: Any, deliver: Any, outbox: Any) -> None:
    fails(sandbox, deliver, ASKS)
    assert mails(outbox, "did not go through") == []
    (mail,) = mails(outbox, "confirm")
    assert "Nothing is wrong with your card" in mail.text
    page = visitor.get(running)
    assert "Your bank asks you to confirm" in page.text
    (address,) = re.findall(r"https?://\S+", mail.text)
    assert address in page.links(), "the same place"


def test_a_guest_hears_that_stripe_gave_up(running: str, sandbox: Any, deliver: Any, outbox: Any) -> None:
    fails(sandbox, deliver)
    for _ in range(4):
        sandbox.advance(8 * 24 * 3600)
        deliver()
    assert only().status == "canceled"
    (mail,) = mails(outbox, "has ended")
    assert "could not be charged" in mail.text
    assert "You owe nothing" in mail.text
    assert mail.recipient == "gus@guest.example"
    assert len(mails(outbox, "did not go through")) == 1


def test_who_ends_it_by_the_link_has_it_in_writing_once(running: str, visitor: Any, deliver: Any, outbox: Any) -> None:
    visitor.get(running)
    assert visitor.submit(f"{running}/end").status == 303
    deliver()
    (mail,) = mails(outbox, "has ended")
    assert "Nothing more is charged" in mail.text


def test_once_an_account_has_it_the_card_is_changed_by_its_owner_alone(
    running: str, visit: Any, visitor: Any, make_account: Any, sandbox: Any, deliver: Any, outbox: Any
) -> None:
    """Its Customer at Stripe is hers then, with whatever else she pays for: a link in an old mail opens none of that."""
    account = make_account("gus@guest.example")
    account_id = account.id
    signals.email_verified.send(account)
    db.session.commit()
    fails(sandbox, deliver)
    (mail,) = mails(outbox, "did not go through")
    assert mail.recipient == "gus@guest.example"
    visitor.get(running)
    answer = visitor.submit(f"{running}/card")
    assert (answer.status, answer.location.partition("?")[0]) == (303, "/account/sign-in")
    other = visit(make_account("eve@reader.example"))
    other.get(running)
    assert other.submit(f"{running}/card").status == 404
    assert list(sandbox.world.store.all("billing_portal.session")) == []
    db.session.rollback()
    hers = visit(db.session.get_one(Account, account_id))
    hers.get(running)
    assert hers.submit(f"{running}/card").status == 303
    assert len(list(sandbox.world.store.all("billing_portal.session"))) == 1


def test_a_closed_account_is_written_to_no_more(running: str, make_account: Any, drain: Any, deliver: Any, outbox: Any) -> None:
    account = make_account("gus@guest.example")
    signals.email_verified.send(account)
    signals.account_closed.send(account)
    account.closed_at = clock.now()
    db.session.commit()
    deliver()
    drain()
    assert only().status == "canceled"
    assert mails(outbox, "has ended") == []


def test_without_stripe_the_card_s_page_says_so(running: str, visitor: Any, sandbox: Any, deliver: Any) -> None:
    fails(sandbox, deliver)
    visitor.get(running)
    sandbox.faults(status={"500": 1})
    page = visitor.submit(f"{running}/card")
    sandbox.faults()
    assert page.status == 503
    assert "Stripe does not answer" in page.text
    for token in ("x", f"{running}x".rpartition("/")[2]):
        assert visitor.post(f"/contribute/monthly/{token}/card").status == 404
