"""What a month was when its books were closed."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Model, UTCDateTime


class MonthlyClose(Model):
    """The figures of a month as they were known at `closed_at`; written once and never edited.

    Facts that arrive later change the live figures; the difference to this row is the month's restatement.
    `zone` is kept because another zone has other months.
    """

    __tablename__ = "reports_close"
    __table_args__ = (CheckConstraint("length(month) = 7", name="month"),)

    month: Mapped[str] = mapped_column(String(7), primary_key=True)
    zone: Mapped[str] = mapped_column(String(60))
    closed_at: Mapped[datetime] = mapped_column(UTCDateTime)
    figures: Mapped[dict[str, Any]] = mapped_column(JSON)
