"""A monthly contribution is ended by the link in every receipt, by guests too; looking at the page ends nothing."""

import re

import pytest
from sqlalchemy import func, select

from kit.database import db
from membership import signals
from payments.models import Contribution, LedgerEntry

GUEST = {"suggested": "", "amount": "25.00", "frequency": "month", "email": "gus@guest.example"}


@pytest.fixture
def running(visit, sandbox, deliver) -> Contribution:
    browser = visit()
    browser.get("/contribute")
    location = browser.submit("/contribute/checkout", **GUEST).headers["Location"]
    sandbox.pay(next(one["id"] for one in sandbox.world.store.all("checkout.session") if one["url"] == location))
    deliver()
    return only()


def only() -> Contribution:
    db.session.rollback()
    return db.session.scalars(select(Contribution)).one()


def link_in(mail) -> str:
    return re.search(r"http://localhost(/contribute/monthly/\S+)", mail.text)[1]


def test_the_receipt_s_link_ends_it_and_nothing_more_is_charged(running, visitor, sandbox, deliver, outbox):
    path = link_in(outbox()[-1])
    page = visitor.get(path)
    assert "You contribute $25.00 every month" in page.text
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert only().status == "active"
    page = visitor.submit(f"{path}/end", follow=True)
    assert "It has ended. Nothing more is charged." in page.text
    assert only().status == "canceled"
    deliver()
    sandbox.advance(40 * 24 * 3600)
    deliver()
    assert only().status == "canceled"
    assert db.session.scalar(select(func.count()).where(LedgerEntry.kind == "payment")) == 1
    assert visitor.get(path).forms() == [form for form in visitor.page.forms() if "end" not in form.action]
    assert sandbox.complaints == []


def test_a_forged_link_leads_nowhere(running, visitor):
    for token in (running.public_id, "x", f'"{running.public_id}".x'):
        assert visitor.get(f"/contribute/monthly/{token}").status == 404
        assert visitor.post(f"/contribute/monthly/{token}/end").status == 404
    assert only().status == "active"


def test_without_stripe_it_says_that_it_has_not_ended(running, visitor, sandbox, outbox):
    path = link_in(outbox()[-1])
    visitor.get(path)
    sandbox.faults(status={"500": 1})
    page = visitor.submit(f"{path}/end")
    assert page.status == 503
    assert "It has not ended yet" in page.text
    assert only().status == "active"


def test_her_own_page_leads_to_it(running, visit, make_account):
    account = make_account("gus@guest.example")
    signals.email_verified.send(account)
    db.session.commit()
    page = visit(account).get("/account/")
    assert "$25.00 every month since" in page.text
    (path,) = [link for link in page.links() if link.startswith("/contribute/monthly/")]
    assert visit().get(path).status == 200


def test_closing_the_account_ends_it(running, make_account, drain, deliver):
    account = make_account("gus@guest.example")
    signals.email_verified.send(account)
    signals.account_closed.send(account)
    db.session.commit()
    drain()
    assert only().status == "canceled"


def test_a_failed_renewal_is_said_and_a_later_payment_mends_it(running, sandbox, deliver):
    sandbox.portal_replace_card(running.customer_id, card="4000000000000341")
    sandbox.advance(32 * 24 * 3600)
    deliver()
    assert only().status == "past_due"
    assert db.session.scalar(select(func.count()).where(LedgerEntry.kind == "payment")) == 1
