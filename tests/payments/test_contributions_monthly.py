"""A monthly contribution is ended by the link in every receipt, by guests too; looking at the page ends nothing."""

import re

import pytest
from sqlalchemy import func, select

from kit.database import db
from membership import signals
from payments import gateway, invariants
from payments.models import Cancellation, Contribution, LedgerEntry, Receipt
from tests.payments.givers import contribute

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
    (asked,) = db.session.scalars(select(Cancellation))
    assert (asked.cause, asked.by, asked.source) == ("reader", "reader", "page")
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


def renews_with_a_balance_of(balance: int, running: Contribution, sandbox, deliver) -> list[LedgerEntry]:
    """The payments after a renewal, with so much (minor units; negative: credit) on her Customer at Stripe."""
    gateway.client().v1.customers.update(running.customer_id, {"balance": balance})
    sandbox.advance(32 * 24 * 3600)
    deliver()
    assert only().status == "active"
    return list(db.session.scalars(select(LedgerEntry).where(LedgerEntry.kind == "payment").order_by(LedgerEntry.id)))


def test_what_a_credit_balance_pays_of_it_is_not_unexpected_money(running, sandbox, deliver, outbox):
    entries = renews_with_a_balance_of(-700, running, sandbox, deliver)
    assert [(one.amount, one.purpose, one.note, one.contribution_id) for one in entries] == [
        (2500, "contribution", "", running.id),
        (1800, "contribution", "", running.id),
    ]
    receipt = db.session.scalars(select(Receipt).where(Receipt.ledger_entry_id == entries[-1].id)).one()
    assert (receipt.amount, receipt.fee_cover) == (1800, 0)
    assert "$18.00" in outbox()[-1].text
    assert not [mail for mail in outbox() if "unexpected" in mail.subject.lower()]


def test_a_credit_balance_that_pays_all_of_it_is_no_payment_and_no_end(running, sandbox, deliver):
    assert [one.amount for one in renews_with_a_balance_of(-9000, running, sandbox, deliver)] == [2500]
    assert list(invariants.check()) == []


def test_what_she_owes_besides_is_no_part_of_what_she_promised(running, sandbox, deliver):
    entries = renews_with_a_balance_of(400, running, sandbox, deliver)
    assert [(one.amount, one.purpose) for one in entries] == [(2500, "contribution"), (2900, "unknown")]
    assert "asked 2500 usd, got 2900 usd" in entries[-1].note


# --- money lost, and staff ------------------------------------------------------------------------------------------------


def charge_of(sandbox) -> str:
    return list(sandbox.world.store.all("charge"))[-1]["id"]


def payments() -> int:
    return db.session.scalar(select(func.count()).where(LedgerEntry.kind == "payment"))


def test_who_took_it_back_through_her_bank_is_not_charged_again(running, sandbox, deliver):
    subscription_id = running.subscription_id
    sandbox.advance(3600)
    dispute = sandbox.dispute(charge_of(sandbox))
    deliver()
    assert sandbox.get(subscription_id)["status"] == "active", "an open dispute ends nothing"
    sandbox.dispute_lost(dispute["id"])
    deliver()
    deliver()
    found = sandbox.get(subscription_id)
    assert (found["status"], found["metadata"]["end_cause"], only().status) == ("canceled", "dispute", "refunded")
    sandbox.advance(32 * 24 * 3600)
    deliver()
    assert payments() == 1
    assert sandbox.complaints == []


def test_a_refund_in_full_ends_nothing(running, sandbox, deliver):
    sandbox.advance(3600)
    sandbox.refund(charge_of(sandbox))
    deliver()
    deliver()
    assert only().status == "active"


ASKED = {"cause": "reader", "note": "rang us up"}


def test_staff_ends_it_for_somebody_who_asks(running, visit, staff, sandbox, deliver):
    path, subscription_id = f"/admin/contributions/{running.public_id}", running.subscription_id
    desk = visit(staff("support"))
    desk.get(path)
    sandbox.faults(status={"500": 1})
    page = desk.submit(f"{path}/end", **ASKED)
    sandbox.faults()
    assert (page.status, "Press the button again" in page.text, only().status) == (503, True, "active")
    assert page.form(f"{path}/end").fields["note"] == "rang us up", "what was typed is kept"
    page = desk.submit(f"{path}/end", follow=True, **ASKED)
    assert "The monthly contribution has ended. Nothing more is charged." in page.text
    assert f"{path}/end" not in [form.action for form in page.forms()]
    assert "she asked for it" in page.text
    assert "rang us up" in page.text
    assert (only().status, sandbox.get(subscription_id)["status"]) == ("canceled", "canceled")
    assert desk.post(f"{path}/end").status == 303, "pressed twice"
    assert visit(staff("editor")).post(f"{path}/end").status == 403
    sandbox.advance(32 * 24 * 3600)
    deliver()
    assert payments() == 1


@pytest.mark.parametrize("cause", ["death", "fraud"])
def test_an_end_by_staff_has_a_cause_that_stripe_keeps_too(running, visit, staff, sandbox, deliver, outbox, cause):
    path, subscription_id = f"/admin/contributions/{running.public_id}", running.subscription_id
    desk = visit(staff("support"))
    desk.get(path)
    page = desk.submit(f"{path}/end", cause="", note="")
    assert (page.status, page.errors().keys(), only().status) == (422, {"cause", "note"}, "active")
    before = len(outbox())
    desk.submit(f"{path}/end", cause=cause, note="her son wrote")
    deliver()
    assert sandbox.get(subscription_id)["metadata"]["end_cause"] == cause
    (asked,) = db.session.scalars(select(Cancellation))
    assert (asked.cause, asked.source, asked.comment, asked.outcome) == (cause, "staff", "her son wrote", "ended")
    assert len(outbox()) - before == (0 if cause == "death" else 1), "nobody writes to the dead"


@pytest.mark.parametrize("heard", [True, False], ids=["after it was heard of", "before it was heard of"])
def test_one_whose_sum_was_changed_at_stripe_stands_as_its_subscription_does(visit, sandbox, deliver, heard):
    """Staff made it two a month in the Dashboard: that sum was not asked for here, and yet it is her contribution that goes on and ends."""
    contribute(visit(), sandbox, frequency="month")
    if heard:
        deliver()
    (subscription,) = sandbox.world.store.all("subscription")
    api, item = gateway.client().v1, subscription["items"]["data"][0]["id"]
    api.subscriptions.update(subscription["id"], {"items": [{"id": item, "quantity": 2}], "proration_behavior": "none"})
    deliver()
    assert only().status == "active"
    api.subscriptions.cancel(subscription["id"])
    deliver()
    assert only().status == "canceled"
