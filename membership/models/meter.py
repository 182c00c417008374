"""Metered articles that were opened, counted on the server so that a replayed cookie cannot lower the count."""

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Model, UTCDateTime


class MeterRead(Model):
    """One article opened by one visitor (or account) in one month of the publication ("2026-11")."""

    __tablename__ = "meter_read"
    __table_args__ = (Index("ix_meter_read_read_at", "read_at"),)

    visitor: Mapped[str] = mapped_column(String(64), primary_key=True)
    month: Mapped[str] = mapped_column(String(7), primary_key=True)
    article_id: Mapped[int] = mapped_column(primary_key=True)
    read_at: Mapped[datetime] = mapped_column(UTCDateTime)
