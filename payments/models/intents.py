"""Intents: what we are about to ask of Stripe, committed before we ask, with the idempotency key."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Model, UTCDateTime

UNHEARD = text("state in ('new', 'unknown')")


class CheckoutIntent(Model):
    """One wish to pay. ``id`` is unguessable, travels as ``client_reference_id`` and is the idempotency key's stem.

    What was asked (plan, ``seats``, the trial's length or end; or amount; currency) is kept here: a payment that comes back different is unexpected money.
    ``state``: new, open (a Checkout Session exists), complete, expired, failed, unknown (no answer: resolved by the same key).
    """

    __tablename__ = "checkout_intent"
    __table_args__ = (
        CheckConstraint("kind in ('subscribe', 'contribute', 'gift')", name="kind"),
        CheckConstraint("state in ('new', 'open', 'complete', 'expired', 'failed', 'unknown')", name="state"),
        Index("ix_checkout_intent_account_id", "account_id", "state"),
        Index("ix_checkout_intent_created_at", "created_at"),
        Index("ix_checkout_intent_unheard", "created_at", postgresql_where=UNHEARD, sqlite_where=UNHEARD),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    kind: Mapped[str] = mapped_column(String(12))
    state: Mapped[str] = mapped_column(String(10), default="new")
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    plan_key: Mapped[str | None] = mapped_column(String(60))
    seats: Mapped[int] = mapped_column(default=1, server_default="1")
    trial_days: Mapped[int | None]
    trial_end: Mapped[datetime | None] = mapped_column(UTCDateTime)
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    session_id: Mapped[str | None] = mapped_column(String(100), unique=True)
    session_url: Mapped[str | None] = mapped_column(String(2000))
    attribution: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
