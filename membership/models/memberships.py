"""The sources of a membership, the one small row that the gate reads, and the history that reports read."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Model, UTCDateTime

WAITS = text("renew_at is not null")
KINDS = "kind in ('subscription', 'grant', 'gift', 'group')"


class MembershipSource(Model):
    """The newest snapshot of one thing that lets a person read; domain/standing.Snapshot explains each column."""

    __tablename__ = "membership_source"
    __table_args__ = (
        UniqueConstraint("kind", "source_id"),
        Index("ix_membership_source_account_id", "account_id"),
        CheckConstraint(KINDS, name="kind"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    kind: Mapped[str] = mapped_column(String(12))
    source_id: Mapped[str] = mapped_column(String(100))
    status: Mapped[str] = mapped_column(String(24))
    started_at: Mapped[datetime] = mapped_column(UTCDateTime)
    observed_at: Mapped[datetime] = mapped_column(UTCDateTime)
    paid_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    ends_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    changed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    notice_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    plan_key: Mapped[str | None] = mapped_column(String(60))
    price_interval: Mapped[str | None] = mapped_column(String(10))
    mrr_720: Mapped[int] = mapped_column(BigInteger, default=0)
    currency: Mapped[str | None] = mapped_column(String(3))
    end_cause: Mapped[str | None] = mapped_column(String(12))
    trial_end: Mapped[datetime | None] = mapped_column(UTCDateTime)


class Membership(Model):
    """What the gate reads: one row a person, derived from all her sources and never edited by hand.

    The gate is open while ``access_from <= now < access_until``; both None when nothing opens it. ``renew_at`` is when
    the row must be derived anew because a source that waits will begin, or a gap before one will.
    """

    __tablename__ = "membership"
    __table_args__ = (Index("ix_membership_renew_at", "renew_at", postgresql_where=WAITS, sqlite_where=WAITS),)

    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), primary_key=True)
    access_from: Mapped[datetime | None] = mapped_column(UTCDateTime)
    access_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    paid_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    ends_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    plan_key: Mapped[str | None] = mapped_column(String(60))
    source: Mapped[str | None] = mapped_column(String(12))
    renew_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime)


class MembershipInterval(Model):
    """One state of one source, half-open; see domain/intervals.py. Reports read nothing else of readers.

    ``effective_at`` is when it happened, ``recorded_at`` when we learnt it; the same pair for its end is ``until``
    and ``until_recorded_at``. A row that proved wrong keeps standing with ``superseded_at`` set.
    """

    __tablename__ = "membership_interval"
    __table_args__ = (
        CheckConstraint("until is null or until > effective_at", name="half_open"),
        CheckConstraint(KINDS.replace("kind", "source_kind", 1), name="kind"),
        CheckConstraint("klass in ('paying', 'comp', 'gift', 'seat', 'trial', 'pool')", name="klass"),
        CheckConstraint("state in ('trial', 'active', 'past_due', 'paused', 'ending')", name="state"),
        Index("ix_membership_interval_source", "source_kind", "source_id", "effective_at"),
        Index("ix_membership_interval_account_id", "account_id", "effective_at"),
        Index("ix_membership_interval_times", "superseded_at", "effective_at", "until"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    source_kind: Mapped[str] = mapped_column(String(12))
    source_id: Mapped[str] = mapped_column(String(100))
    effective_at: Mapped[datetime] = mapped_column(UTCDateTime)
    until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    klass: Mapped[str] = mapped_column(String(8))
    state: Mapped[str] = mapped_column(String(10))
    plan_key: Mapped[str | None] = mapped_column(String(60))
    price_interval: Mapped[str | None] = mapped_column(String(10))
    mrr_720: Mapped[int] = mapped_column(BigInteger, default=0)
    currency: Mapped[str | None] = mapped_column(String(3))
    end_cause: Mapped[str | None] = mapped_column(String(12))
    notice_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    recorded_at: Mapped[datetime] = mapped_column(UTCDateTime)
    until_recorded_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    superseded_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
