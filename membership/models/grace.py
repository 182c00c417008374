"""How long access is kept after a failed renewal: what was decided, by whom and when; the newest row counts."""

from datetime import datetime

from sqlalchemy import CheckConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Model, UTCDateTime


class GraceTerm(Model):
    """From ``set_at`` on, ``days`` of grace. Before the first row the setting GRACE_DAYS counts. Rows are never changed."""

    __tablename__ = "grace_term"
    __table_args__ = (CheckConstraint("days between 0 and 60", name="days"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    days: Mapped[int]
    set_by: Mapped[str] = mapped_column(String(320))
    set_at: Mapped[datetime] = mapped_column(UTCDateTime)
