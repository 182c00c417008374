"""The mirror of Stripe's Subscriptions: what we query of them, rebuilt by fetching."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Model, UTCDateTime


class Subscription(Model):
    """A ``sub_`` as we last saw it. ``purpose``: a subscription lets somebody read, a monthly contribution does not.

    ``period_start`` and ``period_end`` are the extremes of its items' current periods. ``ends_at`` is ``cancel_at``, or
    the period's end where ``cancel_at_period_end`` is set: both mean scheduled. Amounts: minor units, quantity included.
    """

    __tablename__ = "stripe_subscription"
    __table_args__ = (
        CheckConstraint("purpose in ('subscription', 'contribution')", name="purpose"),
        Index("ix_stripe_subscription_customer_id", "customer_id"),
        Index("ix_stripe_subscription_status", "status"),
    )

    id: Mapped[str] = mapped_column(String(100), primary_key=True)
    customer_id: Mapped[str] = mapped_column(String(100))
    purpose: Mapped[str] = mapped_column(String(12))
    status: Mapped[str] = mapped_column(String(24))
    plan_key: Mapped[str | None] = mapped_column(String(60))
    price_id: Mapped[str | None] = mapped_column(String(100))
    amount: Mapped[int] = mapped_column(BigInteger, default=0)
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
    fetched_at: Mapped[datetime] = mapped_column(UTCDateTime)
