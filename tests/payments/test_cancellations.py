"""Leaving in two clicks, what is offered instead, why it was, and whose doing an end is; here, at Stripe and in the reports."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select

from kit import jobs
from kit.database import db
from kit.formats import date_text
from membership.models import Account, Membership, MembershipInterval, MembershipSource
from payments import gateway, offers, subscriptions
from payments.domain import cancellations as rules
from payments.models import Cancellation, LedgerEntry, Subscription
from reports.domain import losses
from reports.domain.intervals import Interval
from tests.payments.readers import described, entitled, subscribe, subscription_of

pytestmark = pytest.mark.usefixtures("on_sale")


@pytest.fixture
def reader(visit: Any, make_account: Any, sandbox: Any, deliver: Any) -> tuple[int, str]:
    account_id = (account := make_account("ann@reader.example")).id
    return account_id, subscribe(visit, sandbox, deliver, account)


def browser(visit: Any, account_id: int) -> Any:
    db.session.rollback()
    return visit(db.session.get(Account, account_id))


def rows() -> list[Cancellation]:
    db.session.rollback()
    return list(db.session.scalars(select(Cancellation).order_by(Cancellation.id)))


def intervals(account_id: int) -> list[MembershipInterval]:
    db.session.rollback()
    mine = (MembershipInterval.account_id == account_id, MembershipInterval.superseded_at.is_(None))
    return list(db.session.scalars(select(MembershipInterval).where(*mine).order_by(MembershipInterval.effective_at)))


# --- leaving ----------------------------------------------------------------------------------------------------------


def test_two_clicks_and_no_reason(reader: Any, visit: Any, sandbox: Any, deliver: Any) -> None:
    account_id, subscription_id = reader
    her = browser(visit, account_id)
    assert "/account/cancel" in her.get("/account/").links(), "the first click"
    page = her.get("/account/cancel")
    assert "End my subscription" in page.text
    assert her.submit("/account/cancel").status == 303, "the second"
    found = sandbox.get(subscription_id)
    assert found["cancel_at_period_end"]
    kept = rows()
    assert [(row.source, row.by, row.cause, row.reason, row.comment, row.outcome) for row in kept] == [
        ("page", "reader", "reader", None, "", "ended")
    ]
    assert kept[0].offers_shown == ["pause", "yearly", "free_month"]
    assert found["metadata"]["end_offers"] == "pause,yearly,free_month", "it survives at Stripe"
    deliver()
    assert len(rows()) == 1, "Stripe's own event finds the row that the page wrote"


def test_why_is_kept_here_and_there(reader: Any, visit: Any, sandbox: Any) -> None:
    account_id, subscription_id = reader
    her = browser(visit, account_id)
    her.get("/account/cancel")
    her.submit("/account/cancel", reason="unused", comment="I read\nelsewhere.")
    assert [(row.reason, row.comment) for row in rows()] == [("unused", "I read\nelsewhere.")]
    assert sandbox.get(subscription_id)["cancellation_details"]["feedback"] == "unused"


def test_left_in_the_portal_is_mirrored_and_so_is_coming_back(reader: Any, sandbox: Any, deliver: Any) -> None:
    _, subscription_id = reader
    sandbox.portal_cancel(subscription_id, feedback="low_quality", comment="Too thin.")
    told = sandbox.take_deliveries()
    deliver(deliveries=[*told, *told])
    assert [(row.source, row.reason, row.comment, row.undone_at) for row in rows()] == [("portal", "low_quality", "Too thin.", None)]
    sandbox.portal_undo(subscription_id)
    deliver()
    deliver(deliveries=told)
    assert [row.undone_at is not None for row in rows()] == [True]


def test_a_lost_row_comes_back_from_stripe(reader: Any, visit: Any, sandbox: Any, deliver: Any) -> None:
    """Our database is gone; what Stripe keeps says the same of why she left."""
    account_id, _subscription_id = reader
    her = browser(visit, account_id)
    her.get("/account/cancel")
    her.submit("/account/cancel", reason="unused", comment="Later perhaps.")
    before = [(row.source, row.cause, row.reason, row.comment, row.offers_shown, row.at, row.ends_at) for row in rows()]
    told = sandbox.take_deliveries()
    db.session.execute(delete(Cancellation))
    db.session.commit()
    deliver(deliveries=told)
    assert [(row.source, row.cause, row.reason, row.comment, row.offers_shown, row.at, row.ends_at) for row in rows()] == before


def test_taken_back_by_one_click(reader: Any, visit: Any, sandbox: Any) -> None:
    account_id, subscription_id = reader
    her = browser(visit, account_id)
    her.get("/account/cancel")
    her.submit("/account/cancel")
    her.get("/account/")
    assert her.submit("/account/cancel/undo").status == 303
    assert rows()[0].undone_at is not None
    found = sandbox.get(subscription_id)
    assert (found["cancel_at"], found["cancel_at_period_end"], found["metadata"].get("end_cause")) == (None, False, None)
    assert described(account_id)["status"] == "active"


def test_a_cause_without_an_end_explains_no_later_one(reader: Any, visit: Any, staff: Any, sandbox: Any, deliver: Any, app: Any) -> None:
    """Staff's end was taken back in the portal, which knows nothing of our marks; then the reader leaves by herself."""
    account_id, subscription_id = reader
    desk = visit(staff("support"))
    desk.get(f"/admin/subscriptions/{subscription_id}")
    desk.submit(f"/admin/subscriptions/{subscription_id}/leave", when="period_end", cause="staff", note="By mistake.")
    sandbox.portal_undo(subscription_id)
    deliver()
    customer_id = subscription_of(account_id).customer_id
    db.session.rollback()
    jobs.run(app, "payments.forget_cause", [subscription_id, customer_id])
    jobs.run(app, "payments.forget_cause", [subscription_id, customer_id])
    assert not sandbox.get(subscription_id)["metadata"].get("end_cause")
    sandbox.advance(2)  # two cancellations of one second would be one to us
    sandbox.portal_cancel(subscription_id)
    deliver()
    assert intervals(account_id)[-1].end_cause == "reader"
    assert [(row.source, row.cause, row.undone_at is None) for row in rows()] == [("staff", "staff", False), ("portal", "reader", True)]


def test_a_second_click_asks_stripe_nothing(reader: Any, visit: Any, sandbox: Any) -> None:
    account_id, subscription_id = reader
    her = browser(visit, account_id)
    her.get("/account/cancel")
    her.submit("/account/cancel")
    her.post("/account/cancel")
    asked = [one for one in sandbox.requests if one["method"] == "POST" and one["path"] == f"/v1/subscriptions/{subscription_id}"]
    assert len(asked) == 1
    assert len(rows()) == 1


def test_what_was_typed_is_kept_when_stripe_is_away(reader: Any, visit: Any, sandbox: Any) -> None:
    account_id, _ = reader
    her = browser(visit, account_id)
    her.get("/account/cancel")
    sandbox.faults(status={"500": 1.0})
    page = her.submit("/account/cancel", reason="unused", comment="A long thought.")
    sandbox.faults()
    assert page.status == 503
    assert page.form("/account/cancel").fields["comment"] == "A long thought."
    assert page.form("/account/cancel").fields["reason"] == "unused"


# --- what is offered --------------------------------------------------------------------------------------------------


def test_a_free_month_once_a_year(reader: Any, visit: Any, sandbox: Any, deliver: Any, later: Any) -> None:
    account_id, subscription_id = reader
    her = browser(visit, account_id)
    assert "Take a free month" in her.get("/account/cancel").text
    assert her.submit("/account/cancel", reason="too_expensive", take="free_month").location == "/account/"
    assert subscription_of(account_id).next_amount == 0
    assert [(row.outcome, row.offer_accepted, row.reason) for row in rows()] == [("kept", "free_month", "too_expensive")]
    page = her.get("/account/cancel")
    assert "Take a free month" not in page.text
    assert her.submit("/account/cancel", take="free_month").status == 422, "and not by typing it either"
    deliver()
    later(31)
    assert described(account_id)["status"] == "active"
    assert len(payments()) == 1, "this renewal took nothing"
    later(31)
    assert len(payments()) == 2
    assert sandbox.get(subscription_id)["discounts"] == []


def test_a_free_month_whose_coupon_staff_deleted_is_made_anew(visit: Any, make_account: Any, sandbox: Any, deliver: Any) -> None:
    """Each time, and for everybody whose month has this price."""
    coupon = rules.free_month_coupon(500, "usd")["id"]
    for number in range(3):
        account_id = (account := make_account()).id
        subscribe(visit, sandbox, deliver, account)
        her = browser(visit, account_id)
        her.get("/account/cancel")
        assert her.submit("/account/cancel", take="free_month").location == "/account/", number
        assert subscription_of(account_id).next_amount == 0
        gateway.client().v1.coupons.delete(coupon)
        deliver()


def test_a_free_month_takes_a_month_off_a_year(reader: Any, visit: Any, deliver: Any) -> None:
    account_id, _ = reader
    her = browser(visit, account_id)
    her.get("/account/cancel")
    her.submit("/account/cancel", take="free_month")
    assert "The next payment takes nothing." in her.get("/account/").text
    her.get("/account/cancel")
    assert her.submit("/account/cancel", take="yearly").status == 303
    deliver()
    assert sorted(entry.amount for entry in payments()) == [500, 5000 - 500 - 500], (
        "the month that was paid and the free one; never a free year"
    )


def test_the_year_takes_what_its_button_says(reader: Any, visit: Any, deliver: Any, later: Any) -> None:
    account_id, _ = reader
    later(6.5)
    her = browser(visit, account_id)
    page = her.get("/account/cancel")
    shown = re.search(r"Pay by the year: \$([0-9.]+) now", page.text)
    assert shown
    later(0.01)  # she thinks for a quarter of an hour: the sum stays what she saw
    assert her.submit("/account/cancel", take="yearly").status == 303
    deliver()
    paid = sorted(entry.amount for entry in payments())[-1]
    assert 4500 < paid < 5000
    assert f"{paid / 100:.2f}" == shown[1]


def test_without_an_answer_of_stripe_the_way_out_is_shown_all_the_same(reader: Any, visit: Any, sandbox: Any) -> None:
    account_id, _ = reader
    her = browser(visit, account_id)
    sandbox.faults(status={"500": 1.0})
    page = her.get("/account/cancel")
    assert (page.status, "End my subscription" in page.text, "Pay by the year" in page.text) == (200, True, False)
    sandbox.faults()


def test_no_free_month_while_a_change_waits(visit: Any, make_account: Any, staff: Any, sandbox: Any, deliver: Any) -> None:
    """Its schedule was told which discounts each phase has: one that came later would be lost with the change."""
    account_id = (account := make_account()).id
    subscription_id = subscribe(visit, sandbox, deliver, account, "supporter-monthly")
    her = browser(visit, account_id)
    her.get("/account/plan")
    assert her.post("/account/plan", {"plan": "reader-monthly"}).status == 303
    assert "Take a free month" not in her.get("/account/cancel").text
    assert her.submit("/account/cancel", take="free_month").status == 422
    desk = visit(staff("support"))
    assert "Give a free month" not in desk.get(f"/admin/subscriptions/{subscription_id}").text
    assert desk.post(f"/admin/subscriptions/{subscription_id}/free-month").status == 422
    assert sandbox.get(subscription_id)["discounts"] == []


def payments() -> list[LedgerEntry]:
    db.session.rollback()
    return list(db.session.scalars(select(LedgerEntry).where(LedgerEntry.kind == "payment")))


def test_a_pause_of_two_months(reader: Any, visit: Any, sandbox: Any) -> None:
    account_id, subscription_id = reader
    her = browser(visit, account_id)
    her.get("/account/cancel")
    assert her.submit("/account/cancel", take="pause", months="2").status == 303
    assert sandbox.get(subscription_id)["pause_collection"]["behavior"] == "void"
    row = subscription_of(account_id)
    assert row.resumes_at is not None
    assert row.period_end is not None
    assert 58 <= (row.resumes_at - row.period_end).days <= 63
    assert [(kept.outcome, kept.offer_accepted) for kept in rows()] == [("kept", "pause")]
    assert "It goes on by itself" in her.get("/account/").text


def test_the_yearly_price(reader: Any, visit: Any, sandbox: Any, deliver: Any) -> None:
    account_id, _ = reader
    her = browser(visit, account_id)
    assert "$50.00 instead of $60.00" in her.get("/account/cancel").text
    assert her.submit("/account/cancel", take="yearly").status == 303
    deliver()
    assert subscription_of(account_id).plan_key == "reader-yearly"
    page = her.get("/account/cancel")
    assert "Pay by the year" not in page.text
    assert "Take a free month" not in page.text, "one payment of hers is a whole year"


# --- leaving while a payment is overdue -------------------------------------------------------------------------------

DECLINES_LATER = "4000000000000341"


@pytest.fixture
def overdue(reader: Any, sandbox: Any, deliver: Any, later: Any) -> tuple[int, str]:
    account_id, subscription_id = reader
    sandbox.portal_replace_card(subscription_of(account_id).customer_id, DECLINES_LATER)
    deliver()
    later(32)
    return account_id, subscription_id


def the_bank_is_content(sandbox: Any, account_id: int) -> None:
    method = sandbox.get(subscription_of(account_id).payment_method_id)
    with sandbox.world.lock:
        method["_number"] = "4242424242424242"
        sandbox.world.store.put(method)


def test_who_is_in_arrears_is_offered_nothing_and_leaves_at_once(
    overdue: Any, visit: Any, sandbox: Any, deliver: Any, later: Any, outbox: Any, app: Any
) -> None:
    """Nothing that she paid is left to wait for, and until the period's end Stripe would go on trying her card."""
    account_id, subscription_id = overdue
    row = subscription_of(account_id)
    retried = [subscription_id, row.customer_id, row.invoice_id, row.payment_method_id]
    the_bank_is_content(sandbox, account_id)
    her = browser(visit, account_id)
    page = her.get("/account/cancel")
    assert "one of these" not in page.text
    assert "Your last payment of $5.00 has not gone through" in page.text
    assert "your subscription ends now, and nothing more is charged." in page.text
    assert "End my subscription now" in page.text
    assert "Nothing more is charged." in her.submit("/account/cancel", follow=True).text
    assert (subscription_of(account_id).status, entitled(account_id)) == ("canceled", False), "before any webhook"
    assert her.post("/account/cancel").status == 303, "pressed twice"
    db.session.rollback()
    jobs.run(app, "payments.retry_invoice", retried)  # queued before she left, and run late
    for _ in range(4):
        later(6)
    assert [entry.amount for entry in payments()] == [500]
    assert [(row.cause, row.source, row.outcome) for row in rows()] == [("reader", "page", "ended")]
    assert sandbox.get(subscription_id)["metadata"]["end_cause"] == "reader"
    assert intervals(account_id)[-1].end_cause == "reader"
    (mail,) = [mail for mail in outbox() if "has ended" in mail.subject]
    assert "As you asked" in mail.text
    assert "Your membership ended on" in her.get("/account/").text


def test_staff_ends_what_is_overdue_at_once_too(overdue: Any, visit: Any, staff: Any) -> None:
    account_id, subscription_id = overdue
    desk = visit(staff("support"))
    desk.get(f"/admin/subscriptions/{subscription_id}")
    desk.submit(f"/admin/subscriptions/{subscription_id}/leave", when="period_end", cause="payment", note="It never came.")
    assert subscription_of(account_id).status == "canceled"


def test_left_in_the_portal_while_overdue_is_told_as_it_is_and_ended_here(
    overdue: Any, visit: Any, sandbox: Any, deliver: Any, later: Any, outbox: Any
) -> None:
    """Stripe goes on trying the payment until the end that the portal scheduled: no word of ours says otherwise."""
    account_id, subscription_id = overdue
    sandbox.portal_cancel(subscription_id)
    deliver()
    (mail,) = [mail for mail in outbox() if "ends on" in mail.subject and "subscription" in mail.subject]
    assert "Your last payment of $5.00 has not gone through, and your card is tried again until then." in mail.text
    assert "You read everything" not in mail.text
    her = browser(visit, account_id)
    said = her.get("/account/").text
    assert "Your last payment of $5.00 has not gone through, and your card is tried again until then." in said
    assert "replace your card and we try it at once" not in said
    assert "/account/cancel" in her.page.links()
    page = her.get("/account/cancel")
    closes, ends = db.session.get_one(Membership, account_id).access_until, subscription_of(account_id).ends_at
    assert closes < ends, "the gate closes with the grace"
    assert f"You read until {date_text(closes)}" in page.text
    assert "Your last payment of $5.00 has not gone through" in page.text
    assert her.submit("/account/cancel").status == 303
    assert subscription_of(account_id).status == "canceled"
    assert {row.cause for row in rows()} == {"reader"}
    for _ in range(4):
        later(6)
    assert [entry.amount for entry in payments()] == [500]


# --- whose end it is --------------------------------------------------------------------------------------------------


def test_what_staff_decided_only_staff_takes_back(reader: Any, visit: Any, staff: Any, sandbox: Any, deliver: Any, outbox: Any) -> None:
    account_id, subscription_id = reader
    desk = visit(staff("support"))
    desk.get(f"/admin/subscriptions/{subscription_id}")
    desk.submit(f"/admin/subscriptions/{subscription_id}/leave", when="period_end", cause="fraud", note="Not her card.")
    deliver()
    (mail,) = [mail for mail in outbox() if "ends on" in mail.subject]
    assert "We end your subscription then." in mail.text
    assert "takes it back" not in mail.text
    assert "Stay after all" not in mail.text
    her = browser(visit, account_id)
    for path in ("/account/", "/account/cancel", "/account/plan"):
        page = her.get(path)
        assert "We end your subscription" in page.text
        assert "/account/cancel/undo" not in [form.action for form in page.forms()], path
    assert her.post("/account/cancel/undo").location == "/account/cancel"
    row = subscription_of(account_id)
    assert row.ends_at is not None
    assert (sandbox.get(subscription_id)["metadata"]["end_cause"], intervals(account_id)[-1].end_cause) == ("fraud", "fraud")
    assert [(row.cause, row.undone_at) for row in rows()] == [("fraud", None)]


def test_who_left_and_has_her_money_back_is_told_that_it_ends(reader: Any, visit: Any, sandbox: Any, deliver: Any, later: Any) -> None:
    account_id, _ = reader
    later(1)
    her = browser(visit, account_id)
    her.get("/account/cancel")
    her.submit("/account/cancel")
    deliver()
    charge_id = payments()[0].charge_id
    db.session.rollback()
    gateway.client().v1.refunds.create({"charge": charge_id})
    deliver()
    assert not entitled(account_id)
    text = her.get("/account/").text
    assert "Your payment was paid back to you in full" in text
    assert "nothing more is charged." in text
    assert "goes on" not in text
    page = her.get("/account/cancel").text
    assert "You read until" not in page
    assert "Your subscription ends on" in page
    assert "Stay after all" in page, "the end is still hers"
    her.get("/account/cancel")
    assert her.submit("/account/cancel/undo").status == 303
    assert subscription_of(account_id).ends_at is None


# --- every end has a cause --------------------------------------------------------------------------------------------

KINDS = {
    "reader": losses.VOLUNTARY,
    "payment": losses.INVOLUNTARY,
    "fraud": losses.INVOLUNTARY,
    "dispute": losses.INVOLUNTARY,
    "staff": losses.ADMINISTRATIVE,
    "migration": losses.ADMINISTRATIVE,
    "death": losses.ADMINISTRATIVE,
}


def loss_of(account_id: int) -> losses.Loss | None:
    found = [Interval(*(getattr(row, name) for name in Interval._fields)) for row in intervals(account_id)]
    return losses.last_loss(found, None, datetime.now(UTC) + timedelta(days=60))


@pytest.mark.parametrize(
    ("cause", "when"), [*((cause, "now") for cause in KINDS), ("reader", "period_end"), ("staff", "period_end"), ("death", "period_end")]
)
def test_staff_ends_it_with_a_cause_that_survives(
    reader: Any, visit: Any, staff: Any, sandbox: Any, deliver: Any, outbox: Any, later: Any, cause: str, when: str
) -> None:
    account_id, subscription_id = reader
    later(1)
    desk = visit(staff("support"))
    desk.get(f"/admin/subscriptions/{subscription_id}")
    page = desk.submit(f"/admin/subscriptions/{subscription_id}/leave", when=when, cause=cause, note="As it is.")
    assert page.status == 303, page.text
    later(30.5)
    assert subscription_of(account_id).status == "canceled"
    assert not entitled(account_id)
    kept = rows()
    assert [(row.cause, row.source, row.by, row.comment) for row in kept] == [(cause, "staff", "support@desk.example", "As it is.")]
    assert sandbox.get(subscription_id)["metadata"]["end_cause"] == cause
    assert intervals(account_id)[-1].end_cause == cause
    loss = loss_of(account_id)
    assert loss is not None
    assert (loss.kind, loss.cause) == (KINDS[cause], cause)
    assert bool([mail for mail in outbox() if "has ended" in mail.subject]) == (cause not in ("death", "migration"))
    # An empty database derives it again.
    for model in (MembershipInterval, MembershipSource, Subscription):
        db.session.execute(delete(model))
    db.session.commit()
    subscriptions.write(subscriptions.look(subscription_id))
    db.session.commit()
    assert intervals(account_id)[-1].end_cause == cause
    again = loss_of(account_id)
    assert again is not None
    assert again.kind == loss.kind


# --- one Subscription, for staff --------------------------------------------------------------------------------------


def test_the_page_of_one_subscription(reader: Any, visit: Any, staff: Any, sandbox: Any) -> None:
    account_id, subscription_id = reader
    desk = visit(staff("support"))
    public_id = db.session.get(Account, account_id).public_id
    assert f"/admin/subscriptions/{subscription_id}" in desk.get(f"/admin/members/{public_id}").links()
    page = desk.get(f"/admin/subscriptions/{subscription_id}")
    assert all(words in page.text for words in ("reader-monthly", "$5.00", "visa 4242", "active"))
    refused = desk.submit(f"/admin/subscriptions/{subscription_id}/leave", when="now", cause="", note="Kept.")
    assert refused.status == 422
    assert "cause" in refused.errors()
    assert refused.form(f"/admin/subscriptions/{subscription_id}/leave").fields["note"] == "Kept."
    assert sandbox.get(subscription_id)["status"] == "active"
    assert desk.get("/admin/subscriptions/sub_nobody").status == 404
    assert browser(visit, account_id).get(f"/admin/subscriptions/{subscription_id}").status == 404
    assert visit(staff("editor")).get(f"/admin/subscriptions/{subscription_id}").status == 403


def test_staff_gives_a_free_month_once(reader: Any, visit: Any, staff: Any) -> None:
    account_id, subscription_id = reader
    desk = visit(staff("support"))
    desk.get(f"/admin/subscriptions/{subscription_id}")
    assert desk.submit(f"/admin/subscriptions/{subscription_id}/free-month").status == 303
    assert subscription_of(account_id).next_amount == 0
    assert "Give a free month" not in desk.get(f"/admin/subscriptions/{subscription_id}").text
    assert desk.post(f"/admin/subscriptions/{subscription_id}/free-month").status == 422


def test_staff_tries_the_card_again(reader: Any, visit: Any, staff: Any, sandbox: Any, deliver: Any, later: Any) -> None:
    account_id, subscription_id = reader
    customer_id = subscription_of(account_id).customer_id
    sandbox.portal_replace_card(customer_id, "4000000000000341")
    deliver()
    later(32)
    desk = visit(staff("finance"))
    desk.get(f"/admin/subscriptions/{subscription_id}")
    page = desk.submit(f"/admin/subscriptions/{subscription_id}/retry")
    assert page.status == 422
    assert "Stripe refused: Your card was declined" in page.text
    deliver()
    method = sandbox.get(subscription_of(account_id).payment_method_id)
    with sandbox.world.lock:
        method["_number"] = "4242424242424242"  # the bank is content now
        sandbox.world.store.put(method)
    desk.get(f"/admin/subscriptions/{subscription_id}")
    assert desk.submit(f"/admin/subscriptions/{subscription_id}/retry").status == 303
    assert subscription_of(account_id).status == "active"
    assert gateway.fetch_subscription(subscription_id)["latest_invoice"]["status"] == "paid"  # type: ignore[index]


def test_a_free_month_that_stripe_heard_and_we_did_not_is_not_given_twice(reader: Any, visit: Any, sandbox: Any) -> None:
    account_id, subscription_id = reader
    row = subscription_of(account_id)
    coupon = rules.free_month_coupon(row.amount, row.currency)
    db.session.rollback()
    offers._discounted(subscription_id, coupon)  # carried out, and nothing of it written down here
    her = browser(visit, account_id)
    her.get("/account/cancel")
    assert her.submit("/account/cancel", take="free_month").status == 303
    assert len(sandbox.get(subscription_id)["discounts"]) == 1
    assert [row.offer_accepted for row in rows()] == ["free_month"]


def test_staff_tries_the_card_as_often_as_it_likes(reader: Any, visit: Any, staff: Any, sandbox: Any, deliver: Any, later: Any) -> None:
    """Stripe's count of attempts does not move by trying by hand, and a decline is answered anew for 24 hours by its key."""
    account_id, subscription_id = reader
    sandbox.portal_replace_card(subscription_of(account_id).customer_id, "4000000000000341")
    deliver()
    later(32)
    desk = visit(staff("finance"))
    desk.get(f"/admin/subscriptions/{subscription_id}")
    assert desk.submit(f"/admin/subscriptions/{subscription_id}/retry").status == 422
    row = subscription_of(account_id)
    invoice, method = sandbox.get(row.invoice_id), sandbox.get(row.payment_method_id)
    with sandbox.world.lock:
        invoice["attempt_count"] -= 1
        sandbox.world.store.put(invoice)
        method["_number"] = "4242424242424242"  # the bank is content now
        sandbox.world.store.put(method)
    desk.get(f"/admin/subscriptions/{subscription_id}")
    assert desk.submit(f"/admin/subscriptions/{subscription_id}/retry").status == 303
    assert subscription_of(account_id).status == "active"
