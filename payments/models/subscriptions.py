"""The mirror of Stripe's Subscriptions: what we query of them, rebuilt by fetching."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Model, UTCDateTime


class Subscription(Model):
    """A ``sub_`` as we last saw it. ``purpose``: a subscription lets somebody read, a monthly contribution does not.

    ``period_start`` and ``period_end`` are the extremes of its items' current periods. ``ends_at`` is ``cancel_at``, or
    the period's end where ``cancel_at_period_end`` is set: both mean scheduled. Amounts: minor units, quantity included, no
    discount taken off; ``mrr_720`` is the monthly rate with them (membership/domain/rates.py),
    ``committed_720`` what the rate of our own items will be without those that run out (None: not looked at yet).
    """

    __tablename__ = "stripe_subscription"
    __table_args__ = (
        CheckConstraint("purpose in ('subscription', 'contribution')", name="purpose"),
        Index("ix_stripe_subscription_customer_id", "customer_id"),
        Index("ix_stripe_subscription_status", "status"),
        Index("ix_stripe_subscription_purpose", "purpose", "started_at"),
        *(Index(f"ix_stripe_subscription_{name}", name) for name in ("trial_end", "period_end", "card_expires_at", "resumes_at")),
    )

    id: Mapped[str] = mapped_column(String(100), primary_key=True)
    customer_id: Mapped[str] = mapped_column(String(100))
    purpose: Mapped[str] = mapped_column(String(12))
    status: Mapped[str] = mapped_column(String(24))
    plan_key: Mapped[str | None] = mapped_column(String(60))
    price_id: Mapped[str | None] = mapped_column(String(100))
    quantity: Mapped[int] = mapped_column(default=1, server_default="1")
    amount: Mapped[int] = mapped_column(BigInteger, default=0)
    mrr_720: Mapped[int | None] = mapped_column(BigInteger)
    committed_720: Mapped[int | None] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    interval: Mapped[str | None] = mapped_column(String(10))
    interval_count: Mapped[int] = mapped_column(default=1)
    started_at: Mapped[datetime] = mapped_column(UTCDateTime)
    period_start: Mapped[datetime | None] = mapped_column(UTCDateTime)
    period_end: Mapped[datetime | None] = mapped_column(UTCDateTime)
    trial_end: Mapped[datetime | None] = mapped_column(UTCDateTime)
    ends_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    canceled_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    cancel_reason: Mapped[str | None] = mapped_column(String(60))
    # A collection that is paused (Stripe's word for how), who began it ("reader": through us), and when it goes on by itself.
    pause_behavior: Mapped[str | None] = mapped_column(String(20))
    pause_by: Mapped[str | None] = mapped_column(String(20))
    resumes_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    # A change of plan that waits for the period's end (a schedule at Stripe), and one that waits for its payment.
    schedule_id: Mapped[str | None] = mapped_column(String(100))
    next_plan_key: Mapped[str | None] = mapped_column(String(60))
    next_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    update_expires_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    fetched_at: Mapped[datetime] = mapped_column(UTCDateTime)

    # The card on file ("": there is none; None: not looked at yet; ``card_expires_at``: the first instant at which it is no longer good, in UTC) and the newest invoice.
    payment_method_id: Mapped[str | None] = mapped_column(String(100))
    card_brand: Mapped[str | None] = mapped_column(String(20))
    card_last4: Mapped[str | None] = mapped_column(String(4))
    card_expires_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    invoice_id: Mapped[str | None] = mapped_column(String(100))
    invoice_status: Mapped[str | None] = mapped_column(String(20))
    invoice_amount: Mapped[int | None] = mapped_column(BigInteger)
    invoice_url: Mapped[str | None] = mapped_column(String(2000))
    # What the next payment takes as it stands (minor units, discounts taken off), and when a discount that runs out ends.
    next_amount: Mapped[int | None] = mapped_column(BigInteger)
    discount_ends_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    # The invoice that waits for the reader's consent at her bank, as its PaymentIntent said.
    action_invoice_id: Mapped[str | None] = mapped_column(String(100))
