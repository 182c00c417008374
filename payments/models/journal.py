"""The journal of what Stripe told us, kept for ever with its raw body; and the leases under which we go and look."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Model, UTCDateTime


class StripeEvent(Model):
    """One event, unique by (account, event id). ``created`` is Stripe's, in whole seconds: never an order.

    ``state``: new (to do), done, ignored (not ours or not handled), parked (failed too often: staff looks at it).
    ``account`` is the connected account's id, or "" for the platform's own.
    """

    __tablename__ = "stripe_event"
    __table_args__ = (
        CheckConstraint("state in ('new', 'done', 'ignored', 'parked')", name="state"),
        CheckConstraint("source in ('webhook', 'reconcile')", name="source"),
        Index("ix_stripe_event_new", "received_at", postgresql_where=text("state = 'new'"), sqlite_where=text("state = 'new'")),
        Index("ix_stripe_event_object_id", "account", "object_id"),
        Index("ix_stripe_event_received_at", "received_at"),
    )

    account: Mapped[str] = mapped_column(String(64), primary_key=True, default="")
    event_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    type: Mapped[str] = mapped_column(String(100))
    api_version: Mapped[str | None] = mapped_column(String(40))
    livemode: Mapped[bool]
    created: Mapped[int] = mapped_column(BigInteger)
    object_id: Mapped[str | None] = mapped_column(String(100))
    customer_id: Mapped[str | None] = mapped_column(String(100))
    payload: Mapped[str] = mapped_column(Text)
    received_at: Mapped[datetime] = mapped_column(UTCDateTime)
    source: Mapped[str] = mapped_column(String(10), default="webhook")
    state: Mapped[str] = mapped_column(String(8), default="new")
    attempts: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None] = mapped_column(Text)
    applied_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class Lease(Model):
    """Who looks at an object now. ``fence`` grows with every lease: a worker that slept through its own cannot write."""

    __tablename__ = "stripe_lease"

    object_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    owner: Mapped[str] = mapped_column(String(100), default="")
    leased_until: Mapped[datetime] = mapped_column(UTCDateTime)
    fence: Mapped[int] = mapped_column(BigInteger, default=0)
