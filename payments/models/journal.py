"""The journal of what Stripe told us, kept for ever with its raw body; its chain; and the leases under which we go and look."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Index, Integer, String, Text, false, literal_column, text
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Model, UTCDateTime

OPEN, PARKED = text("state = 'new'"), text("state = 'parked'")


class StripeEvent(Model):
    """One event, unique by (account, event id). ``created`` is Stripe's, in whole seconds: never an order.

    ``state``: new (to do), done, ignored (not ours or not handled), parked (failed too often: staff looks at it).
    ``quiet``: Stripe counts it as delivered, so it was applied before and its mails were sent: they are not sent again.
    ``account`` is the connected account's id, or "" for the platform's own. ``due_at``: from when on the worker may take
    a new one up; taking it up moves this ahead, so that what is lost on the way is due again. None when nothing is to do.
    What Stripe told cannot be changed, nor the row deleted (triggers); what became of it can.
    """

    __tablename__ = "stripe_event"
    __table_args__ = (
        CheckConstraint("state in ('new', 'done', 'ignored', 'parked')", name="state"),
        CheckConstraint("source in ('webhook', 'reconcile')", name="source"),
        # One index for both questions about what is to do (what of this Customer, what is due): each costs the door.
        Index("ix_stripe_event_open", "customer_id", "object_id", "due_at", postgresql_where=OPEN, sqlite_where=OPEN),
        Index("ix_stripe_event_parked", "received_at", postgresql_where=PARKED, sqlite_where=PARKED),
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
    quiet: Mapped[bool] = mapped_column(default=False, server_default=false())
    state: Mapped[str] = mapped_column(String(8), default="new")
    attempts: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None] = mapped_column(Text)
    applied_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    due_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


# Said literally: neither database uses a partial index for a value that it is told later.
IS_NEW, IS_PARKED = StripeEvent.state == literal_column("'new'"), StripeEvent.state == literal_column("'parked'")


class JournalLink(Model):
    """One link of the chain over the journal, in the order of sealing; nothing of it is ever changed (triggers).

    ``digest``: SHA-256 over account, event id and raw body; ``chain``: SHA-256 over the link before and this digest. Both
    in hexadecimal (payments/domain/chain.py). ``position`` counts from 1 without a gap.
    """

    __tablename__ = "journal_link"
    __table_args__ = (
        CheckConstraint("position > 0", name="position"),
        Index("uq_journal_link_event", "account", "event_id", unique=True),
    )

    position: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False)
    account: Mapped[str] = mapped_column(String(64))
    event_id: Mapped[str] = mapped_column(String(100))
    digest: Mapped[str] = mapped_column(String(64))
    chain: Mapped[str] = mapped_column(String(64))
    received_at: Mapped[datetime] = mapped_column(UTCDateTime)
    sealed_at: Mapped[datetime] = mapped_column(UTCDateTime)


class Lease(Model):
    """Who looks at an object now. ``fence`` grows with every lease: a worker that slept through its own cannot write."""

    __tablename__ = "stripe_lease"

    object_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    owner: Mapped[str] = mapped_column(String(100), default="")
    leased_until: Mapped[datetime] = mapped_column(UTCDateTime)
    fence: Mapped[int] = mapped_column(BigInteger, default=0)
