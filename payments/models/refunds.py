"""Refunds that staff asks for, committed before Stripe is asked, with the idempotency key."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Model, UTCDateTime

UNHEARD = text("state in ('new', 'unknown')")


class RefundIntent(Model):
    """One wish to give money back: ``amount`` minor units of a charge. ``id`` is the idempotency key's stem.

    ``state``: new, done (``refund_id`` is Stripe's), failed (Stripe refused), unknown (no answer: the same form, sent
    again, asks with the same key). What really went back is in the ledger.
    """

    __tablename__ = "refund_intent"
    __table_args__ = (
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("state in ('new', 'done', 'failed', 'unknown')", name="state"),
        Index("ix_refund_intent_charge_id", "charge_id"),
        Index("ix_refund_intent_unheard", "created_at", postgresql_where=UNHEARD, sqlite_where=UNHEARD),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    charge_id: Mapped[str] = mapped_column(String(100))
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    reason: Mapped[str] = mapped_column(String(30))
    state: Mapped[str] = mapped_column(String(10), default="new")
    refund_id: Mapped[str | None] = mapped_column(String(100))
    asked_by: Mapped[int] = mapped_column(ForeignKey("account.id"))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
