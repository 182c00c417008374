"""Comparing our books with Stripe's: what counts as a difference, in words that staff can read."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from payments.domain.subscriptions import Seen

SIMULATED = "sub_demo"  # the demo's invented Subscriptions: no Stripe has them
MOST_LISTED = 200

# What the mirror must have in common with Stripe, with the word for it.
COMPARED = ("status", "customer_id", "price_id", "amount", "currency", "period_end", "ends_at", "ended_at")


@dataclass(frozen=True, slots=True)
class Drift:
    """One difference: the ``kind`` and ``id`` of the object, what differs, and whether it was repaired."""

    kind: str
    id: str
    what: str
    repaired: bool = False


@dataclass(slots=True)
class Report:
    """One comparison: how many objects of each kind were looked at, what differed, how many are simulated."""

    looked: dict[str, int] = field(default_factory=dict)
    drift: list[Drift] = field(default_factory=list)
    missed_events: int = 0
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
            "missed_events": self.missed_events,
            "simulated": self.simulated,
        }


def differences(seen: Seen, ours: Mapping[str, Any] | None) -> str:
    """What our mirror (its columns by name, or None) says differently from Stripe; "" when they agree."""
    if ours is None:
        return "we do not have it"
    return "; ".join(
        f"{name}: ours {_text(ours[name])}, Stripe's {_text(getattr(seen, name))}" for name in COMPARED if ours[name] != getattr(seen, name)
    )


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
