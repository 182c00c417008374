"""The ledger: append-only, signed, in integer minor units, keyed by the fact at Stripe and never by the event."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Model, UTCDateTime


class LedgerEntry(Model):
    """One movement. Positive comes in, negative goes out; corrections are new rows (a trigger refuses UPDATE and DELETE).

    ``source_id`` is Stripe's id of the fact (``ch_``, ``re_``, ``txn_`` ...), unique with ``kind``: however many events
    tell it, it is booked once. ``occurred_at`` is Stripe's time of the fact (a payment's: its balance
    transaction's if that was known when it was booked, else the Charge's; its fee has the same), ``recorded_at`` when we booked it.
    """

    __tablename__ = "ledger_entry"
    __table_args__ = (
        CheckConstraint("kind in ('payment', 'refund', 'refund_failed', 'dispute', 'dispute_reversal', 'fee')", name="kind"),
        CheckConstraint("purpose in ('subscription', 'contribution', 'unknown')", name="purpose"),
        CheckConstraint(
            "(kind in ('payment', 'refund_failed', 'dispute_reversal') and amount > 0)"
            " or (kind in ('refund', 'dispute') and amount < 0) or (kind = 'fee' and amount <> 0)",
            name="sign",
        ),
        # The account last: it is the same in nearly every row, and SQLite would rather look through all of its rows by a
        # unique index than through a charge's few by the other.
        Index("uq_ledger_entry_fact", "source_id", "kind", "stripe_account", unique=True),
        Index("ix_ledger_entry_occurred_at", "occurred_at"),
        Index("ix_ledger_entry_account_id", "account_id"),
        Index("ix_ledger_entry_contribution_id", "contribution_id"),
        Index("ix_ledger_entry_customer_id", "customer_id"),
        Index("ix_ledger_entry_charge_id", "charge_id"),
        Index("ix_ledger_entry_subscription_id", "subscription_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    stripe_account: Mapped[str] = mapped_column(String(64), default="")
    source_id: Mapped[str] = mapped_column(String(100))
    kind: Mapped[str] = mapped_column(String(16))
    purpose: Mapped[str] = mapped_column(String(12))
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    occurred_at: Mapped[datetime] = mapped_column(UTCDateTime)
    recorded_at: Mapped[datetime] = mapped_column(UTCDateTime)
    charge_id: Mapped[str | None] = mapped_column(String(100))
    customer_id: Mapped[str | None] = mapped_column(String(100))
    subscription_id: Mapped[str | None] = mapped_column(String(100))
    invoice_id: Mapped[str | None] = mapped_column(String(100))
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    contribution_id: Mapped[int | None] = mapped_column(ForeignKey("contribution.id"))
    note: Mapped[str] = mapped_column(String(200), default="")
