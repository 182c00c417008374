"""Calls to Stripe that change something, committed before they are made."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Model, UTCDateTime

_OPEN = text("state in ('new', 'unknown', 'given_up')")
IS_OPEN = _OPEN  # in a query, word by word: else SQLite does not take the index


class OutgoingCall(Model):
    """One wish that Stripe shall change something, under one idempotency key for ever.

    ``kind`` is the SDK's path (``subscriptions.update``), ``subject_id`` the object it acts on ("" where one is made),
    ``object_id`` what the answer names. ``params`` are kept until the answer is known, ``fingerprint`` for good.
    ``state``: new (about to be asked), done, refused (it did not happen; why: ``error_code``), unknown (no answer: the
    job finds out), given_up (nothing tells: staff decides). ``asked_at`` is the last attempt.
    """

    __tablename__ = "outgoing_call"
    __table_args__ = (
        CheckConstraint("state in ('new', 'done', 'refused', 'unknown', 'given_up')", name="state"),
        Index("ix_outgoing_call_open", "asked_at", postgresql_where=_OPEN, sqlite_where=_OPEN),
        Index("ix_outgoing_call_subject_id", "subject_id"),
        Index("ix_outgoing_call_created_at", "created_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(60))
    idempotency_key: Mapped[str] = mapped_column(String(255), unique=True)
    subject_id: Mapped[str] = mapped_column(String(100), default="")
    params: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    fingerprint: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(10), default="new")
    object_id: Mapped[str] = mapped_column(String(255), default="")
    error_code: Mapped[str] = mapped_column(String(100), default="")
    attempts: Mapped[int] = mapped_column(default=1)
    note: Mapped[str] = mapped_column(String(500), default="")
    settled_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    asked_at: Mapped[datetime] = mapped_column(UTCDateTime)
    answered_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
