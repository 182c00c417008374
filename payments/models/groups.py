"""Groups: one Subscription, several readers."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Model, UTCDateTime


class Group(Model):
    """A Subscription that is paid for several readers: it has as many seats as its quantity at Stripe.

    Made when a Subscription is first seen with a quantity of 2 or more; its owner is whose Customer pays.
    """

    __tablename__ = "reader_group"
    __table_args__ = (Index("ix_reader_group_account_id", "account_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    subscription_id: Mapped[str] = mapped_column(String(100), unique=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    name: Mapped[str] = mapped_column(String(100), default="")
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)


class Seat(Model):
    """An invitation to read with a group, and who took it. Inviting, claiming and revoking are ours; ``displaced_at`` follows.

    ``token_hash`` is of the newest invitation's link. ``placed_at`` is since when the claimed seat has had a place,
    ``displaced_at`` since when it has none because the Subscription pays for fewer (decision 0018).
    """

    __tablename__ = "seat"
    __table_args__ = (
        CheckConstraint("(claimed_at is null) = (account_id is null)", name="claimed"),
        Index("ix_seat_group_id", "group_id"),
        Index("ix_seat_account_id", "account_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    group_id: Mapped[int] = mapped_column(ForeignKey("reader_group.id"))
    email: Mapped[str] = mapped_column(String(320))
    email_key: Mapped[str] = mapped_column(String(320))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    letters: Mapped[int] = mapped_column(default=1)
    invited_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    claimed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    placed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    displaced_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
