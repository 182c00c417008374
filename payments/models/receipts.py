"""Receipts: a number for each payment, given once."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Model, UTCDateTime


class Receipt(Model):
    """The receipt of one payment in the ledger; ``public_id`` is its unguessable address."""

    __tablename__ = "receipt"
    __table_args__ = (Index("ix_receipt_account_id", "account_id"), Index("ix_receipt_email_key", "email_key"))

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True)
    number: Mapped[str] = mapped_column(String(30), unique=True)
    ledger_entry_id: Mapped[int] = mapped_column(ForeignKey("ledger_entry.id"), unique=True)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    email: Mapped[str] = mapped_column(String(320))
    email_key: Mapped[str] = mapped_column(String(320))
    amount: Mapped[int] = mapped_column(BigInteger)
    fee_cover: Mapped[int] = mapped_column(BigInteger, default=0)
    currency: Mapped[str] = mapped_column(String(3))
    what: Mapped[str] = mapped_column(String(200))
    issued_at: Mapped[datetime] = mapped_column(UTCDateTime)
