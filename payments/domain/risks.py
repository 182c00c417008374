"""When a payment is doubtful, so that it is looked at before anything public counts it. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

RISKY = frozenset({"elevated", "highest"})
REFUNDED_AS_FRAUD = "refunded_as_fraud"  # why Stripe closed a Review


def level_of(charge: Mapping[str, Any]) -> str:
    """Radar's word for a Charge that it doubts: elevated, highest; "" for all others."""
    outcome = charge.get("outcome") or {}
    if outcome.get("risk_level") in RISKY:
        return outcome["risk_level"]
    return "elevated" if outcome.get("type") == "manual_review" else ""


def as_fraud(review: Mapping[str, Any] | None, refunds: Sequence[Mapping[str, Any]]) -> bool:
    """Was it given back because it was not the card's owner who paid?"""
    closed = bool(review) and not (review or {}).get("open") and (review or {}).get("closed_reason") == REFUNDED_AS_FRAUD
    return closed or any(one.get("reason") == "fraudulent" and one.get("status") not in ("failed", "canceled") for one in refunds)


def doubt(level: str, review_state: str, warning_at: datetime | None, warning_actionable: bool, cleared_at: datetime | None) -> str:
    """Why a payment is held: warning, review, risk, or "" when it is not.

    A warning counts while a refund would still prevent a dispute. A review that was closed answers the risk, whatever
    it said (what it gave back is in the ledger). ``cleared_at``: staff's own word, good for all that was known by then.
    """
    if warning_actionable and not (cleared_at and warning_at and cleared_at >= warning_at):
        return "warning"
    if cleared_at is not None or review_state == "closed":
        return ""
    return "review" if review_state == "open" else "risk" if level in RISKY else ""
