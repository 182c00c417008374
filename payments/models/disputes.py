"""Disputes and doubts about a Charge: what Stripe says of them, and what staff decided."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Model, UTCDateTime


class Dispute(Model):
    """A ``dp_`` as we last saw it, rebuilt by fetching. What it moved is in the ledger; this says how it stands.

    ``amount``: what is disputed, minor units. ``due_by``: until when the bank takes evidence. ``inquiry``: the bank only
    asks; no money has moved.
    """

    __tablename__ = "stripe_dispute"
    __table_args__ = (Index("ix_stripe_dispute_charge_id", "charge_id"), Index("ix_stripe_dispute_status", "status"))

    id: Mapped[str] = mapped_column(String(100), primary_key=True)
    charge_id: Mapped[str] = mapped_column(String(100))
    status: Mapped[str] = mapped_column(String(32))
    reason: Mapped[str] = mapped_column(String(60), default="")
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    inquiry: Mapped[bool] = mapped_column(default=False)
    due_by: Mapped[datetime | None] = mapped_column(UTCDateTime)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    fetched_at: Mapped[datetime] = mapped_column(UTCDateTime)


class ChargeRisk(Model):
    """What Stripe's Radar thinks of a Charge, where that is anything; rebuilt by fetching.

    ``level``: elevated, highest, or "" for nothing odd. ``review_state``: open, closed, or "" for none.
    ``warning_actionable``: the card's network warned of fraud, and a refund would still prevent a dispute.
    ``fraud``: it was given back as fraud, by a Refund's reason or a Review's end.
    ``doubt``: what follows for us, by domain/risks.py, with staff's decision: review, risk, warning or "".
    """

    __tablename__ = "charge_risk"
    __table_args__ = (Index("ix_charge_risk_doubt", "doubt"),)

    charge_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    level: Mapped[str] = mapped_column(String(20), default="")
    review_id: Mapped[str | None] = mapped_column(String(100))
    review_state: Mapped[str] = mapped_column(String(6), default="")
    review_reason: Mapped[str] = mapped_column(String(60), default="")
    warning_id: Mapped[str | None] = mapped_column(String(100))
    warning_type: Mapped[str] = mapped_column(String(60), default="")
    warning_actionable: Mapped[bool] = mapped_column(default=False)
    warning_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    fraud: Mapped[bool] = mapped_column(default=False)
    doubt: Mapped[str] = mapped_column(String(10), default="")
    fetched_at: Mapped[datetime] = mapped_column(UTCDateTime)


class ChargeDecision(Model):
    """What staff decided about a Charge that we could not place or trust. Ours alone: nothing at Stripe knows it.

    ``verdict``: contribution or account (it belongs to that), elsewhere (it is none of ours), good (the doubt is cleared).
    The newest of its kind counts.
    """

    __tablename__ = "charge_decision"
    __table_args__ = (
        CheckConstraint("verdict in ('contribution', 'account', 'elsewhere', 'good')", name="verdict"),
        Index("ix_charge_decision_charge_id", "charge_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    charge_id: Mapped[str] = mapped_column(String(100))
    verdict: Mapped[str] = mapped_column(String(12))
    contribution_id: Mapped[int | None] = mapped_column(ForeignKey("contribution.id"))
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    note: Mapped[str] = mapped_column(String(200), default="")
    decided_by: Mapped[int] = mapped_column(ForeignKey("account.id"))
    decided_at: Mapped[datetime] = mapped_column(UTCDateTime)
