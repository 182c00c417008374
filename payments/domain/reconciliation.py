"""Comparing our books with Stripe's: what counts as a difference and why it came about, in words that staff can read."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

SIMULATED = "sub_demo"  # the demo's invented Subscriptions: no Stripe has them
SIMULATED_PART = "_demo_"  # in every id that the demo invented
MOST_LISTED = 200

# What the mirror must have in common with Stripe, by the names that both give it.
COMPARED = (
    "status", "customer_id", "price_id", "quantity", "amount", "currency", "interval", "interval_count", "period_start", "period_end",
    "trial_end", "resumes_at", "update_expires_at", "ends_at", "ended_at",
)  # fmt: skip

# What a movement of Stripe's balance is in our ledger: the kind of entry that its source has. Payouts and Stripe's own
# invoices to the publication are none of the readers' money.
MOVEMENTS = {
    "charge": "payment",
    "payment": "payment",
    "refund": "refund",
    "payment_refund": "refund",
    "refund_failure": "refund_failed",
    "payment_failure_refund": "refund_failed",
}


@dataclass(frozen=True, slots=True)
class Drift:
    """One difference: the ``kind`` and ``id`` of the object, what differs, why, and whether it was repaired."""

    kind: str
    id: str
    what: str
    cause: str = ""
    repaired: bool = False


@dataclass(slots=True)
class Report:
    """One comparison: how many objects of each kind were looked at, what differed, how many are simulated.

    ``missed_events``: Stripe has them and we had not; of these ``told_before`` are counted as delivered by Stripe, so
    their mails are not sent (again), and ``told_until`` is the time of the newest of those (seconds since 1970).
    """

    looked: dict[str, int] = field(default_factory=dict)
    drift: list[Drift] = field(default_factory=list)
    missed_events: int = 0
    told_before: int = 0
    told_until: int | None = None
    simulated: int = 0

    def saw(self, kind: str, count: int = 1) -> None:
        self.looked[kind] = self.looked.get(kind, 0) + count

    @property
    def clean(self) -> bool:
        """Did everything agree?"""
        return not self.drift and not self.missed_events

    def facts(self) -> dict[str, Any]:
        """For the run's row and for ``--json``; a long list of differences is cut and says so by its count."""
        listed = [asdict(one) for one in self.drift[:MOST_LISTED]]
        return {
            "looked": self.looked,
            "drift": listed,
            "drift_count": len(self.drift),
            "unrepaired": sum(not one.repaired for one in self.drift),
            "missed_events": self.missed_events,
            "told_before": self.told_before,
            "simulated": self.simulated,
        }


def differences(ours: Any, stripes: Mapping[str, Any]) -> str:
    """What our mirror says differently from Stripe (columns by name); "" when they agree."""
    pairs = [(name, getattr(ours, name), value) for name, value in stripes.items()]
    return "; ".join(f"{name}: ours {_text(mine)}, Stripe's {_text(value)}" for name, mine, value in pairs if mine != value)


def cause(states: Collection[str]) -> str:
    """Why a row of ours is not as it should be, by the ``states`` of the journal's events about the object."""
    if not states:
        return "no event about it was ever told: lost on its way, or not in a restored backup"
    if "parked" in states:
        return "an event about it is parked: see the journal"
    if "new" in states:
        return "an event about it still waits to be applied"
    return "told and applied, and yet different: an event since was lost, or the row was altered, or a rule was"


def movement(found: Mapping[str, Any], booked: Mapping[tuple[str, str], Mapping[str, Any]]) -> str:
    """What the ledger lacks of one movement of Stripe's balance (``booked``: (source id, kind) -> entry); "" if nothing."""
    source, kind = found.get("source") or "", MOVEMENTS.get(found["type"])
    if found["type"] == "adjustment" and source.startswith(("dp_", "du_")):
        source, kind = found["id"], "dispute" if found["amount"] < 0 else "dispute_reversal"
    if kind is None or not found["amount"]:
        return ""
    entry = booked.get((source, kind))
    if entry is None:
        return f"{kind.replace('_', ' ')} of {source} not booked"
    if found.get("fee") and (found["id"], "fee") not in booked:
        return "fee not booked"
    if kind == "payment" and entry["currency"] == found["currency"] and entry["amount"] != found["amount"]:
        return f"amount of {source}: ours {entry['amount']}, Stripe's {found['amount']}"
    return ""


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
