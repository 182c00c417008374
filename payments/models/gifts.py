"""Gift subscriptions: bought by one person, redeemed by another."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Model, UTCDateTime


class Gift(Model):
    """A gift and what became of it. ``amount`` in minor units of ``currency``, once; it lets read for ``months``.

    ``account_id`` is the buyer's (None: a guest, until she proves the address), ``redeemed_by`` the reader's. ``code`` opens
    it (140 random bits, kept as it is because the buyer prints it), ``public_id`` is the address of the buyer's page.
    ``access_from`` and ``access_until`` are settled when it is redeemed; while it waits for something else to end they may
    move (decision 0018). Status, payment, charge, sums and ``voided_at`` follow from Stripe and the ledger; all else is ours.
    """

    __tablename__ = "gift"
    __table_args__ = (
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("months > 0", name="months"),
        CheckConstraint("refunded >= 0", name="refunded"),
        CheckConstraint("status in ('pending', 'paid', 'failed', 'canceled', 'void')", name="status"),
        CheckConstraint("(redeemed_at is null) = (redeemed_by is null)", name="redeemed"),
        Index("ix_gift_account_id", "account_id"),
        Index("ix_gift_redeemed_by", "redeemed_by"),
        Index("ix_gift_email_key", "email_key"),
        Index("ix_gift_charge_id", "charge_id"),
        Index("ix_gift_due", "status", "delivered_at", "deliver_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True)
    code: Mapped[str] = mapped_column(String(28), unique=True)
    intent_id: Mapped[str | None] = mapped_column(ForeignKey("checkout_intent.id"), unique=True)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    email: Mapped[str] = mapped_column(String(320))
    email_key: Mapped[str] = mapped_column(String(320))
    name: Mapped[str] = mapped_column(String(100))
    recipient_email: Mapped[str] = mapped_column(String(320))
    recipient_email_key: Mapped[str] = mapped_column(String(320))
    recipient_name: Mapped[str] = mapped_column(String(100), default="")
    message: Mapped[str] = mapped_column(String(500), default="")
    plan_key: Mapped[str] = mapped_column(String(60))
    months: Mapped[int]
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    deliver_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    delivered_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    letters: Mapped[int] = mapped_column(default=0)
    redeemed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    redeemed_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    access_from: Mapped[datetime | None] = mapped_column(UTCDateTime)
    access_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    status: Mapped[str] = mapped_column(String(10), default="pending")
    customer_id: Mapped[str | None] = mapped_column(String(100))
    payment_intent_id: Mapped[str | None] = mapped_column(String(100))
    charge_id: Mapped[str | None] = mapped_column(String(100))
    paid_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    refunded: Mapped[int] = mapped_column(BigInteger, default=0)
    voided_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    void_cause: Mapped[str | None] = mapped_column(String(12))
