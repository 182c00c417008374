"""Withheld access: what the ledger and the disputes say of a Subscription's payments, before its membership follows it."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import and_, select

from kit.database import db
from kit.jobs import enqueue
from membership.domain.standing import OPENING, TERMINAL, Snapshot
from membership.models import MembershipSource
from payments.domain import withheld as rules
from payments.domain.withheld import Paid
from payments.models import ChargeRisk, Dispute, LedgerEntry, Subscription

_RESTORED = ("refund_failed", "dispute_reversal")


def checked(snapshot: Snapshot, row: Subscription) -> Snapshot:
    """The snapshot with what the money says."""
    return rules.applied(snapshot, ended_if_lost(row))


def ended_if_lost(row: Subscription) -> rules.Verdict:
    """What the money says. One whose payment was lost, or was not its owner's, is ended by a job: also a monthly contribution,
    which opens nothing, for who takes back money through her bank is not charged again."""
    found = rules.verdict(payments_of(row), row.period_start)
    if found.ends and row.status not in TERMINAL:
        end_for(row.id, row.customer_id, found.cause or "dispute")
    return found


def end_for(subscription_id: str, customer_id: str, cause: str) -> None:
    """Have it ended at Stripe, once, with its cause written there: what we derive from Stripe then says it too."""
    enqueue("payments.end_subscription", subscription_id, customer_id, cause, key=f"end:{subscription_id}")


def follow_again(charge_id: str) -> None:
    """Something went back of this Charge, or came back: let the Subscription that it paid for be looked at, under its
    Customer's own lease (a Dispute's and a Review's events name no Customer)."""
    payment = db.session.scalars(select(LedgerEntry).where(LedgerEntry.charge_id == charge_id, LedgerEntry.kind == "payment")).first()
    if payment is not None and payment.purpose != "unknown" and payment.subscription_id and payment.customer_id:
        enqueue("payments.follow_subscription", payment.subscription_id, payment.customer_id)


def stands(charge_id: str) -> bool:
    """Is access withheld from the Subscription that this Charge paid for? The Charge may be the one that opens it again, and
    no other event need come after it: what is booked, a look at the Subscription has to weigh."""
    payment = (LedgerEntry.charge_id == charge_id, LedgerEntry.kind == "payment")
    source = (MembershipSource.kind == "subscription", MembershipSource.source_id == LedgerEntry.subscription_id)
    query = (
        select(MembershipSource.id)
        .join(LedgerEntry, and_(*source))
        .join(Subscription, Subscription.id == LedgerEntry.subscription_id)
        .where(*payment, MembershipSource.status.not_in(OPENING), Subscription.status.in_(OPENING))
    )
    return db.session.scalar(query.limit(1)) is not None


def payments_of(row: Subscription) -> list[Paid]:
    """The payments of a Subscription as the rule wants them."""
    return payments_of_each([row]).get(row.id, [])


def payments_of_each(asked: Collection[Subscription]) -> dict[str, list[Paid]]:
    """The same of several, by their ids, in three look-ups. Who has paid nothing is left out."""
    meant = {(row.id, row.customer_id, row.purpose) for row in asked}
    entries = select(LedgerEntry).where(
        LedgerEntry.customer_id.in_({row.customer_id for row in asked}),
        LedgerEntry.subscription_id.in_({row.id for row in asked}),
        LedgerEntry.kind != "fee",
    )
    by_charge: dict[tuple[str, str], list[LedgerEntry]] = {}
    for entry in db.session.scalars(entries):
        if entry.subscription_id and (entry.subscription_id, entry.customer_id, entry.purpose) in meant:
            by_charge.setdefault((entry.subscription_id, entry.charge_id or ""), []).append(entry)
    if not by_charge:
        return {}
    charges = {charge_id for _, charge_id in by_charge}
    frauds = set(db.session.scalars(select(ChargeRisk.charge_id).where(ChargeRisk.charge_id.in_(charges), ChargeRisk.fraud.is_(True))))
    disputes: dict[str, list[tuple[str, datetime]]] = {}
    for one in db.session.scalars(select(Dispute).where(Dispute.charge_id.in_(charges))):
        disputes.setdefault(one.charge_id, []).append((one.status, one.created_at))
    found: dict[str, list[Paid]] = {}
    for (subscription_id, charge_id), rows in by_charge.items():
        if any(row.kind == "payment" for row in rows):
            found.setdefault(subscription_id, []).append(_paid(rows, tuple(disputes.get(charge_id, ())), charge_id in frauds))
    return found


def _paid(rows: list[LedgerEntry], disputes: tuple[tuple[str, datetime], ...], fraud: bool) -> Paid:
    payment = next(row for row in rows if row.kind == "payment")
    refunds = [row for row in rows if row.kind == "refund"]
    return Paid(
        amount=payment.amount,
        at=payment.occurred_at,
        refunded=-sum(row.amount for row in rows if row.kind in ("refund", "refund_failed")),
        refunded_at=max((row.occurred_at for row in refunds), default=None),
        restored_at=max((row.occurred_at for row in rows if row.kind in _RESTORED), default=None),
        disputes=disputes,
        fraud=fraud,
    )
