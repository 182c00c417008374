"""Why people left, or almost did: a row for each time that somebody asked to end a Subscription."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Model, UTCDateTime


class Cancellation(Model):
    """One asking. ``outcome`` "ended": an end was scheduled or made (``undone_at``: taken back); "kept": an offer was taken instead.

    ``at`` is Stripe's ``canceled_at`` where there is one, so that a look at Stripe finds the row that our page wrote.
    ``source``: page, portal (or anywhere else at Stripe), staff. ``by``: "reader", or the address of who did it for her.
    """

    __tablename__ = "cancellation"
    __table_args__ = (
        UniqueConstraint("subscription_id", "at"),
        Index("ix_cancellation_account_id", "account_id", "at"),
        CheckConstraint("outcome in ('ended', 'kept')", name="outcome"),
        CheckConstraint("source in ('page', 'portal', 'staff')", name="source"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    subscription_id: Mapped[str] = mapped_column(String(100))
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    outcome: Mapped[str] = mapped_column(String(10))
    cause: Mapped[str | None] = mapped_column(String(12))
    reason: Mapped[str | None] = mapped_column(String(40))
    comment: Mapped[str] = mapped_column(Text, default="")
    offers_shown: Mapped[list[Any]] = mapped_column(JSON, default=list)
    offer_accepted: Mapped[str | None] = mapped_column(String(20))
    source: Mapped[str] = mapped_column(String(10))
    by: Mapped[str] = mapped_column(String(320))
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    ends_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    undone_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
