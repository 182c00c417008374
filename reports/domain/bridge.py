"""The MRR bridge: from the month's opening amount to its closing amount, one step a reason, per currency.

MRR is kept in 1/720 of a minor unit (720 = 12 x 60, so a yearly, quarterly, weekly or daily price stays
a whole number) and is rounded only where it is printed. A movement belongs to what the person did:
someone who was a member at both ends expands or contracts, in each currency by itself, so a plan
switch is one step and a second subscription that ends is a contraction. Currencies are never added.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Self

from reports.domain.flow import Kind, Move
from reports.domain.rounding import minor_units, shares

CHURN = ("churn_voluntary", "churn_involuntary", "churn_administrative")
STEPS = ("new", "reactivation", "resumed", "expansion", "contraction", *CHURN, "paused")

_STEP_OF = {
    Kind.NEW: "new",
    Kind.REACTIVATED: "reactivation",
    Kind.RESUMED: "resumed",
    Kind.LOST_VOLUNTARY: "churn_voluntary",
    Kind.LOST_INVOLUNTARY: "churn_involuntary",
    Kind.LOST_ADMINISTRATIVE: "churn_administrative",
    Kind.PAUSED: "paused",
}
# Whose money a step is: the step's kind of move, for the list behind it. Expansion and contraction have none.
KIND_OF = {step: kind.value for kind, step in _STEP_OF.items()}


@dataclass
class Bridge:
    """One month in one currency. Steps are signed: what comes is positive, what goes is negative.

    In 1/720 minor units, or in minor units after `printed`.
    """

    opening: int = 0
    new: int = 0
    reactivation: int = 0
    resumed: int = 0
    expansion: int = 0
    contraction: int = 0
    churn_voluntary: int = 0
    churn_involuntary: int = 0
    churn_administrative: int = 0
    paused: int = 0
    closing: int = 0

    @property
    def steps(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in STEPS}

    @property
    def difference(self) -> int:
        """What the identity misses by: 0 when opening + steps = closing."""
        return self.closing - self.opening - sum(self.steps.values())

    def printed(self) -> Self:
        """The same in whole minor units; if the exact identity holds, the printed one does too."""
        opening, closing = minor_units(self.opening), minor_units(self.closing)
        steps = self.steps
        whole = shares(list(steps.values()), closing - opening if not self.difference else None)
        return type(self)(opening=opening, closing=closing, **dict(zip(steps, whole, strict=True)))


def bridge_moves(found: Iterable[Move], months: int) -> list[dict[str, Bridge]]:
    """For each month, currency -> Bridge with its steps; opening and closing are still to be filled in."""
    bridges: list[dict[str, Bridge]] = [{} for _ in range(months)]
    for move in found:
        for currency in move.before.keys() | move.after.keys():
            delta = move.after.get(currency, 0) - move.before.get(currency, 0)
            step = _STEP_OF.get(move.kind) or ("expansion" if delta > 0 else "contraction")
            bridge = bridges[move.month].setdefault(currency, Bridge())
            setattr(bridge, step, getattr(bridge, step) + delta)
    return bridges


assert {f.name for f in fields(Bridge)} == {"opening", "closing", *STEPS}
