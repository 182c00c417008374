"""What is on sale: our plan keys and the Prices that Stripe has for them."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Model, UTCDateTime


class Plan(Model):
    """A plan that a reader can choose by its key; the Price is found at Stripe by ``lookup_key`` (= key).

    ``unit_amount`` in minor units of ``currency``. A Price that Stripe replaced moves on here; subscriptions keep theirs.
    ``trial_days`` is ours alone (staff sets it): free days before the first payment, once a person; 0 for none.
    """

    __tablename__ = "plan"
    __table_args__ = (
        CheckConstraint("unit_amount > 0", name="unit_amount"),
        CheckConstraint("interval in ('month', 'year')", name="interval"),
    )

    key: Mapped[str] = mapped_column(String(60), primary_key=True)
    level: Mapped[str] = mapped_column(String(30))
    name: Mapped[str] = mapped_column(String(100))
    description: Mapped[str] = mapped_column(String(300), default="")
    interval: Mapped[str] = mapped_column(String(10))
    unit_amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    product_id: Mapped[str | None] = mapped_column(String(100))
    price_id: Mapped[str | None] = mapped_column(String(100), unique=True)
    position: Mapped[int] = mapped_column(default=0)
    on_sale: Mapped[bool] = mapped_column(default=True)
    trial_days: Mapped[int] = mapped_column(default=0, server_default="0")
    synced_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
