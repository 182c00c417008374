"""Runs of reconciliation: how far they looked and what they found."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, String, false
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Model, UTCDateTime


class ReconcileRun(Model):
    """One comparison of our books with Stripe's; ``differs`` when it found anything. ``cursor`` is the newest event seen (seconds since 1970)."""

    __tablename__ = "reconcile_run"
    __table_args__ = (Index("ix_reconcile_run_started_at", "started_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))
    started_at: Mapped[datetime] = mapped_column(UTCDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    cursor: Mapped[int | None]
    report: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    differs: Mapped[bool] = mapped_column(default=False, server_default=false())
