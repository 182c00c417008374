"""Contributions: money given without a subscription, once or every month, by readers and guests."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Model, UTCDateTime


class Contribution(Model):
    """A promise and what became of it. ``amount`` is the gift, ``fee_cover`` what was added for Stripe's fee; charged is the sum.

    ``account_id`` None: a guest; claimed when she proves the address. ``anonymous`` hides the name from the public,
    never from the books. For a monthly one the payments are ledger entries of ``subscription_id``.

    ``dedication`` is a name, ``dedication_kind`` says how: memory, honour, or "" for none. ``consented_at`` is when she
    allowed name, message and dedication on the public page of thanks, ``withdrawn_at`` when she took that back,
    ``approved_at`` when staff put it there. ``held``: Stripe's risk tells us to look first; it counts for nothing public.
    """

    __tablename__ = "contribution"
    __table_args__ = (
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("fee_cover >= 0", name="fee_cover"),
        CheckConstraint("refunded >= 0", name="refunded"),
        CheckConstraint("frequency in ('once', 'month')", name="frequency"),
        CheckConstraint("status in ('pending', 'paid', 'active', 'past_due', 'failed', 'canceled', 'refunded')", name="status"),
        CheckConstraint("dedication_kind in ('', 'memory', 'honour')", name="dedication_kind"),
        Index("ix_contribution_account_id", "account_id"),
        Index("ix_contribution_customer_id", "customer_id"),
        Index("ix_contribution_email_key", "email_key"),
        Index("ix_contribution_created_at", "created_at"),
        Index("ix_contribution_payment_intent_id", "payment_intent_id"),
        Index("ix_contribution_subscription_id", "subscription_id"),
        Index("ix_contribution_consented_at", "consented_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True)
    intent_id: Mapped[str | None] = mapped_column(ForeignKey("checkout_intent.id"), unique=True)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    customer_id: Mapped[str | None] = mapped_column(String(100))
    email: Mapped[str | None] = mapped_column(String(320))
    email_key: Mapped[str | None] = mapped_column(String(320))
    name: Mapped[str] = mapped_column(String(200), default="")
    frequency: Mapped[str] = mapped_column(String(5))
    amount: Mapped[int] = mapped_column(BigInteger)
    fee_cover: Mapped[int] = mapped_column(BigInteger, default=0)
    refunded: Mapped[int] = mapped_column(BigInteger, default=0)
    currency: Mapped[str] = mapped_column(String(3))
    message: Mapped[str] = mapped_column(String(500), default="")
    anonymous: Mapped[bool] = mapped_column(default=False)
    dedication_kind: Mapped[str] = mapped_column(String(6), default="")
    dedication: Mapped[str] = mapped_column(String(200), default="")
    consented_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    approved_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    approved_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    held: Mapped[bool] = mapped_column(default=False)
    status: Mapped[str] = mapped_column(String(10), default="pending")
    payment_intent_id: Mapped[str | None] = mapped_column(String(100))
    subscription_id: Mapped[str | None] = mapped_column(String(100))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    paid_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
