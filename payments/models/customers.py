"""Stripe Customers and the accounts they belong to (one account may have several)."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Model, UTCDateTime


class Customer(Model):
    """A ``cus_``. ``account_id`` None: a guest who has not claimed it. E-mail is what Stripe has, never an identity."""

    __tablename__ = "stripe_customer"
    __table_args__ = (Index("ix_stripe_customer_account_id", "account_id"), Index("ix_stripe_customer_email_key", "email_key"))

    id: Mapped[str] = mapped_column(String(100), primary_key=True)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    email_key: Mapped[str | None] = mapped_column(String(320))
    deleted: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    payment_method_id: Mapped[str | None] = mapped_column(String(100))  # her default: a new one retries what is overdue
