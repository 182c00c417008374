"""What the newsroom hopes for in a month."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Model, UTCDateTime


class Goal(Model):
    """Contributions hoped for in one month (`YYYY-MM`, in the publication's zone) and currency, in minor units.

    A month without a row has no goal: last month's hope is not carried over unasked.
    """

    __tablename__ = "reports_goal"
    __table_args__ = (CheckConstraint("amount > 0", name="amount"), CheckConstraint("length(month) = 7", name="month"))

    month: Mapped[str] = mapped_column(String(7), primary_key=True)
    currency: Mapped[str] = mapped_column(String(3), primary_key=True)
    amount: Mapped[int] = mapped_column(BigInteger)
    set_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    set_at: Mapped[datetime] = mapped_column(UTCDateTime)
