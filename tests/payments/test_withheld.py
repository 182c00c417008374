"""What money that goes back does to a membership: the rule as a table, and over HTTP in every order of its tellings."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from kit import jobs
from kit.database import db
from membership.models import MembershipInterval
from payments import gateway
from payments.domain.withheld import Paid, applied, verdict
from payments.models import Cancellation, Dispute, LedgerEntry, ReconcileRun, Subscription
from tests.membership.snapshots import snapshot as snapshot_of
from tests.payments.readers import described, entitled, put_on_sale, subscribe, subscription_of

START = datetime(2026, 5, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def paid(days: int = 0, **values: object) -> Paid:
    return Paid(1000, START + days * DAY, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("payments", "status", "cause", "ends"),
    [
        ([], None, None, False),
        ([paid()], None, None, False),
        ([paid(refunded=999, refunded_at=START + DAY)], None, None, False),
        ([paid(refunded=1000, refunded_at=START + DAY)], "unpaid", "staff", False),
        ([paid(-30, refunded=1000, refunded_at=START)], None, None, False),  # a period that is over
        ([paid(-30, refunded=1000, refunded_at=START), paid()], None, None, False),
        ([paid(refunded=1000, refunded_at=START + DAY), paid(1)], None, None, False),  # paid again
        ([paid(disputes=(("needs_response", START + DAY),))], "paused", "dispute", False),
        ([paid(disputes=(("under_review", START + DAY),))], "paused", "dispute", False),
        ([paid(disputes=(("appeal_under_review", START + DAY),))], "paused", "dispute", False),
        ([paid(disputes=(("warning_needs_response", START + DAY),))], None, None, False),
        ([paid(disputes=(("warning_closed", START + DAY),))], None, None, False),
        ([paid(disputes=(("prevented", START + DAY),))], None, None, False),
        ([paid(disputes=(("won", START + DAY),))], None, None, False),
        ([paid(disputes=(("won", START + DAY), ("needs_response", START + 2 * DAY)))], "paused", "dispute", False),
        ([paid(disputes=(("lost", START + DAY),))], "paused", "dispute", True),
        ([paid(-60, disputes=(("lost", START),)), paid()], "paused", "dispute", True),  # of an earlier period too
        ([paid(-60, fraud=True, refunded=1000, refunded_at=START), paid()], "unpaid", "fraud", True),
        ([paid(fraud=True, refunded=500, refunded_at=START)], None, None, False),
        ([paid(-60, disputes=(("needs_response", START),)), paid()], None, None, False),
    ],
)
def test_the_rule(payments, status, cause, ends):
    found = verdict(payments, START)
    assert (found.status, found.cause, found.ends) == (status, cause, ends)
    assert all(verdict(list(order), START) == found for order in itertools.permutations(payments))


def test_a_moment_before_the_period_is_still_its_payment():
    assert verdict([paid(refunded=1000, refunded_at=START)], START + timedelta(seconds=40)).status == "unpaid"


def test_what_opens_nothing_or_has_ended_is_left_alone():
    found = verdict([paid(disputes=(("lost", START + DAY),))], START)
    for snapshot in (snapshot_of(status="canceled"), snapshot_of(status="unpaid")):
        assert applied(snapshot, found) == snapshot


# --- over HTTP ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def reader(make_account, visit, sandbox, deliver):
    put_on_sale(sandbox)
    account = make_account("ann@reader.example")
    subscription_id = subscribe(visit, sandbox, deliver, account)
    sandbox.advance(3600)
    deliver()
    return account.id, subscription_id


def charge_of(sandbox) -> str:
    return list(sandbox.world.store.all("charge"))[-1]["id"]


def intervals(account_id: int) -> list[tuple[str, str | None]]:
    db.session.rollback()
    rows = select(MembershipInterval).where(MembershipInterval.account_id == account_id, MembershipInterval.superseded_at.is_(None))
    return [(row.state, row.end_cause) for row in db.session.scalars(rows.order_by(MembershipInterval.effective_at, MembershipInterval.id))]


def test_a_dispute_withholds_and_a_won_one_gives_back(reader, sandbox, deliver, visit, make_account):
    account_id, _ = reader
    dispute = sandbox.dispute(charge_of(sandbox))
    deliver()
    assert not entitled(account_id)
    assert described(account_id)["status"] == "paused"
    page = visit(make_account_again(account_id)).get("/account/")
    assert "Your bank tells us that your payment is disputed." in page.text
    assert "Go on with your subscription" not in page.text
    assert "Articles for members are closed to you at present." in visit(make_account_again(account_id)).get("/subscribe").text
    leaving = visit(make_account_again(account_id)).get("/account/cancel").text
    assert "End my subscription" in leaving
    assert "You read until" not in leaving
    assert "Take a free month" not in leaving
    sandbox.advance(3600)
    sandbox.dispute_won(dispute["id"])
    deliver()
    assert entitled(account_id)
    assert described(account_id)["status"] == "active"
    assert [state for state, _ in intervals(account_id)] == ["active", "paused", "active"]


@pytest.mark.parametrize(
    ("opened", "status", "reads", "moved"),
    [
        ("dispute", "appeal_needs_response", False, -500),
        ("dispute", "appeal_under_review", False, -500),
        ("inquiry", "prevented", True, 0),
    ],
)
def test_63_access_by_the_newer_statuses(reader, sandbox, deliver, opened, status, reads, moved):
    """An appeal keeps the money away, so access too; what a refund or an answer prevented has taken nothing."""
    account_id, _ = reader
    found = getattr(sandbox, opened)(charge_of(sandbox))
    deliver()
    with sandbox.world.lock, sandbox.world.changing(sandbox.world.need("dispute", found["id"]), "charge.dispute.updated") as changed:
        changed["status"] = status
    deliver()
    assert db.session.scalars(select(Dispute.status)).one() == status
    assert (entitled(account_id), back()) == (reads, moved)
    assert described(account_id)["status"] == ("active" if reads else "paused")


def back() -> int:
    """What went back, in minor units, by the books."""
    db.session.rollback()
    return sum(db.session.scalars(select(LedgerEntry.amount).where(LedgerEntry.kind.not_in(("payment", "fee")))))


def test_S06_reading_follows_a_refund_a_dispute_that_is_won_and_the_rest_given_back(reader, sandbox, deliver):
    """All on one charge: a part changes nothing, the dispute withholds, the win gives back, and the rest ends the period."""
    account_id, _ = reader
    charge_id = charge_of(sandbox)
    sandbox.refund(charge_id, 200)
    deliver()
    assert (entitled(account_id), back()) == (True, -200)
    dispute = sandbox.dispute(charge_id)
    deliver()
    assert (entitled(account_id), back()) == (False, -700)
    sandbox.advance(3600)
    sandbox.dispute_won(dispute["id"])
    deliver()
    assert (entitled(account_id), back()) == (True, -200)
    sandbox.advance(3600)
    sandbox.refund(charge_id, 300)
    deliver()
    assert (entitled(account_id), back()) == (False, -500)


def test_a_look_that_was_never_taken_is_found_by_the_nightly_walk(app, reader, sandbox, deliver, drain):
    """The dispute's own events are applied; the look at its Subscription is a job, and Stripe was away until that was given up."""
    account_id, subscription_id = reader
    dispute = sandbox.dispute(charge_of(sandbox))
    deliver()
    assert not entitled(account_id)
    sandbox.dispute_won(dispute["id"])
    deliver(jobs_too=False)
    db.session.rollback()
    for workflow, name, args in jobs.waiting(app):
        jobs.run(app, name, args)
        jobs.client().cancel_workflow(workflow)
    assert {name for _, name, _ in jobs.waiting(app)} == {"payments.follow_subscription"}
    for workflow, _, _ in jobs.waiting(app):
        jobs.client().cancel_workflow(workflow)  # given up
    assert not entitled(account_id)
    db.session.rollback()
    jobs.run(app, "payments.reconcile_nightly", [])
    assert entitled(account_id)
    report = db.session.scalars(select(ReconcileRun.report).order_by(ReconcileRun.id.desc())).first()
    assert [(one["id"], one["what"], one["repaired"]) for one in report["drift"]] == [
        (subscription_id, "access: ours paused, by Stripe and the money active", True)
    ]
    db.session.rollback()
    jobs.run(app, "payments.reconcile_nightly", [])
    assert db.session.scalars(select(ReconcileRun.differs).order_by(ReconcileRun.id.desc())).first() is False


def test_a_look_on_which_access_hangs_outlasts_three_days_of_a_stripe_that_is_away():
    pauses = [min(2.0 * 2.0**tried, jobs.LONGEST_PAUSE) for tried in range(jobs.attempts("payments.follow_subscription") - 1)]
    assert sum(pauses) > timedelta(days=3).total_seconds()
    assert jobs.attempts("payments.follow_charge") == jobs.attempts("payments.follow_subscription")


def make_account_again(account_id: int):
    from membership.models import Account

    return db.session.get_one(Account, account_id)


def test_a_lost_dispute_ends_it_at_stripe_with_its_cause(reader, sandbox, deliver):
    account_id, subscription_id = reader
    dispute = sandbox.dispute(charge_of(sandbox))
    deliver()
    sandbox.dispute_lost(dispute["id"])
    deliver()
    deliver()
    assert not entitled(account_id)
    found = sandbox.get(subscription_id)
    assert (found["status"], found["metadata"]["end_cause"]) == ("canceled", "dispute")
    assert db.session.get_one(Subscription, subscription_id).status == "canceled"
    assert intervals(account_id)[-1][1] == "dispute"


def ended_mails(outbox) -> list[str]:
    return [mail.text for mail in outbox() if "has ended" in mail.subject]


def test_an_end_for_lost_money_is_told_once_whoever_looks_first(reader, sandbox, deliver, outbox):
    """The job that ends it writes the end down; the event that comes after finds nothing new."""
    dispute = sandbox.dispute(charge_of(sandbox))
    deliver()
    sandbox.dispute_lost(dispute["id"])
    deliver()
    deliver()
    (said,) = ended_mails(outbox)
    assert "you do not recognise a payment, so we ended your subscription" in said


def test_an_end_for_fraud_is_told(reader, sandbox, deliver, outbox):
    gateway.client().v1.refunds.create({"charge": charge_of(sandbox), "reason": "fraudulent"})
    deliver()
    deliver()
    (said,) = ended_mails(outbox)
    assert "a card was used without its owner" in said


def test_an_end_that_a_job_sees_first_is_told(reader, sandbox, deliver, outbox, app):
    account_id, subscription_id = reader
    customer_id = subscription_of(account_id).customer_id
    db.session.rollback()
    sandbox.portal_cancel(subscription_id)
    jobs.run(app, "payments.follow_subscription", [subscription_id, customer_id])
    deliver()
    assert [mail.subject for mail in outbox() if "ends on" in mail.subject] != []
    assert [row.source for row in db.session.scalars(select(Cancellation))] == ["portal"]


def test_an_inquiry_withholds_nothing_until_it_becomes_a_dispute(reader, sandbox, deliver):
    account_id, _ = reader
    asked = sandbox.inquiry(charge_of(sandbox))
    deliver()
    assert entitled(account_id)
    assert db.session.scalars(select(Dispute.inquiry)).one() is True
    assert not [row for row in db.session.scalars(select(LedgerEntry)) if row.kind == "dispute"]
    sandbox.escalate(asked["id"])
    deliver()
    assert not entitled(account_id)


def test_a_full_refund_ends_the_period_and_a_part_does_not(reader, sandbox, deliver, visit, staff):
    account_id, _ = reader
    charge_id = charge_of(sandbox)
    desk = visit(staff("finance"))
    path = f"/admin/payments/{charge_id}"
    desk.get(path)
    assert desk.submit(f"{path}/refund", amount="1.00").status == 303
    deliver()
    assert entitled(account_id)
    desk.get(path)
    assert desk.submit(f"{path}/refund").status == 303  # the rest, as the form offers it
    deliver()
    assert not entitled(account_id)
    assert intervals(account_id)[-1][1] == "staff"
    page = visit(make_account_again(account_id)).get("/account/")
    assert "paid back to you in full" in page.text
    assert "Cancel the subscription" in page.text
    assert sandbox.complaints == []


def test_a_refund_that_fails_gives_the_period_back(reader, sandbox, deliver):
    account_id, _ = reader
    refund = sandbox.refund(charge_of(sandbox))
    deliver()
    assert not entitled(account_id)
    sandbox.refund_fails(refund["id"])
    deliver()
    assert entitled(account_id)


def test_every_order_of_the_tellings_ends_in_the_same_standing(reader, sandbox, deliver):
    """Dispute opened, withdrawn, lost, the charge's own events: told in each order, each twice, one at a time."""
    account_id, subscription_id = reader
    dispute = sandbox.dispute(charge_of(sandbox))
    sandbox.dispute_lost(dispute["id"])
    told = sandbox.take_deliveries()
    assert len(told) <= 6
    ends = set()
    for order in itertools.islice(itertools.permutations(told), 0, None, 5):
        for one in order:
            assert deliver(deliveries=[one, one]) == [200, 200]
        rows = sorted((row.kind, row.amount) for row in db.session.scalars(select(LedgerEntry)))
        ends.add((entitled(account_id), db.session.get_one(Subscription, subscription_id).status, tuple(rows)))
        deliver()
    assert len({(open_, rows) for open_, _, rows in ends}) == 1
    assert not entitled(account_id)


def test_W67_a_review_closed_as_fraud_ends_the_subscription(reader, sandbox, deliver):
    account_id, subscription_id = reader
    review = sandbox.open_review(charge_of(sandbox))
    deliver()
    assert entitled(account_id)  # a doubt takes no access
    sandbox.close_review(review["id"], "refunded_as_fraud")
    deliver()
    deliver()
    found = sandbox.get(subscription_id)
    assert (found["status"], found["metadata"]["end_cause"]) == ("canceled", "fraud")
    assert not entitled(account_id)
    assert intervals(account_id)[-1][1] == "fraud"
