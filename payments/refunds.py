"""Refunds asked for by staff: written down first, asked of Stripe with that key, booked by what Stripe answers."""

import hashlib
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from kit import clock
from kit.database import alone, db
from kit.problems import mark
from payments import ledger
from payments.domain import amounts
from payments.models import LedgerEntry, RefundIntent

FIRST = mark("Stripe has not answered about %(sum)s of this payment yet. That comes first: look again in a few minutes.")
_BACK = ("refund", "refund_failed", "dispute", "dispute_reversal")


@dataclass(frozen=True, slots=True)
class Asked:
    """A refund about to be asked of Stripe, as plain values; ``key`` is its idempotency key."""

    id: str
    key: str
    params: dict[str, Any]
    state: str


def left(payment: LedgerEntry) -> int:
    """What of this payment has not gone back yet (refunds and disputes), minor units."""
    back = select(func.coalesce(func.sum(LedgerEntry.amount), 0)).where(
        LedgerEntry.stripe_account == payment.stripe_account, LedgerEntry.charge_id == payment.charge_id, LedgerEntry.kind.in_(_BACK)
    )
    return max(0, payment.amount + int(db.session.scalar(back) or 0))


def payments_of(contribution_id: int) -> list[LedgerEntry]:
    """A contribution's payments, newest first (a monthly one has several)."""
    query = select(LedgerEntry).where(LedgerEntry.contribution_id == contribution_id, LedgerEntry.kind == "payment")
    return list(db.session.scalars(query.order_by(LedgerEntry.occurred_at.desc(), LedgerEntry.id.desc())))


def last_payment_of(subscription_id: str) -> LedgerEntry | None:
    """The newest payment of a Subscription."""
    query = select(LedgerEntry).where(LedgerEntry.subscription_id == subscription_id, LedgerEntry.kind == "payment")
    return db.session.scalars(query.order_by(LedgerEntry.occurred_at.desc(), LedgerEntry.id.desc())).first()


def begin(payment: LedgerEntry, amount: int, reason: str, *, asked_by: int, attempt: str) -> Asked:
    """Write down what we are about to ask of Stripe; the caller commits it first. ``amount`` in minor units.

    ``attempt`` names one rendering of the form: sent twice, it is one refund. Raises Refused (amount) when that much
    is not left of the payment.
    """
    about = repr((attempt, payment.charge_id, amount, payment.currency, reason))
    intent_id = "rf_" + hashlib.sha256(about.encode()).hexdigest()[:37]
    alone(f"refund:{payment.charge_id}")
    found = db.session.get(RefundIntent, intent_id, with_for_update=True) or _unanswered(payment, amount, reason)
    if found is None:
        amounts.check(amount, payment.currency, 1, left(payment))
        found = RefundIntent(
            id=intent_id,
            charge_id=payment.charge_id,
            amount=amount,
            currency=payment.currency,
            reason=reason,
            state="new",
            asked_by=asked_by,
            created_at=clock.now(),
        )
        db.session.add(found)
        db.session.flush()
    params: dict[str, Any] = {"charge": found.charge_id, "amount": found.amount, "reason": found.reason, "metadata": {"refund": found.id}}
    return Asked(found.id, f"refund-{found.id}", params, found.state)


def _unanswered(payment: LedgerEntry, amount: int, reason: str) -> RefundIntent | None:
    """A refund of this payment of which nobody knows yet: the same once more is that one. Raises Refused for another."""
    open_one = select(RefundIntent).where(RefundIntent.charge_id == payment.charge_id, RefundIntent.state.in_(("new", "unknown")))
    found = db.session.scalars(open_one.order_by(RefundIntent.created_at)).first()
    if found is not None and (found.amount, found.reason) != (amount, reason):
        earlier = amounts.Money(found.amount, found.currency)
        raise amounts.refuse("amount", FIRST, sum=earlier)
    return found


def done(intent_id: str, refund: dict[str, Any]) -> None:
    """Stripe made the Refund: note it and book what it moved, as its webhook will (and cannot a second time)."""
    intent = db.session.get_one(RefundIntent, intent_id, with_for_update=True, populate_existing=True)
    intent.state, intent.refund_id, intent.finished_at = "done", refund["id"], clock.now()
    ledger.book_refunds({"id": intent.charge_id}, [refund])


def over(intent_id: str, state: str) -> None:
    """``state``: failed (Stripe refused), unknown (it did not answer), or done (somebody found by hand that it was). Done stays done."""
    intent = db.session.get_one(RefundIntent, intent_id, with_for_update=True, populate_existing=True)
    if intent.state != "done":
        intent.state, intent.finished_at = state, None if state == "unknown" else clock.now()
