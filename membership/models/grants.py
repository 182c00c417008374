"""Complimentary access that staff gave, with its end and a note of why."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Model, UTCDateTime


class Grant(Model):
    """A grant runs [starts_at, until); revoking ends it earlier. Kept for ever: it explains who read for free."""

    __tablename__ = "grant_of_access"
    __table_args__ = (CheckConstraint("until > starts_at", name="order"), Index("ix_grant_of_access_account_id", "account_id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    starts_at: Mapped[datetime] = mapped_column(UTCDateTime)
    until: Mapped[datetime] = mapped_column(UTCDateTime)
    note: Mapped[str] = mapped_column(String(500))
    granted_by: Mapped[str] = mapped_column(String(320))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
