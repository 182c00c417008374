"""The gate's decision: who sees how much of an article, and why."""

from dataclasses import dataclass
from typing import Literal

Level = Literal["full", "metered", "preview"]


@dataclass(frozen=True, slots=True)
class Meter:
    """Metered articles opened this month by this visitor, and how many are free. ``seen``: this one is among them."""

    used: int
    limit: int
    seen: bool = False


@dataclass(frozen=True, slots=True)
class Access:
    """How much to show and the reason: free, member, staff, meter, meter-used-up, members-only.

    ``left`` is how many further metered articles remain this month (only with level "metered").
    """

    level: Level
    reason: str
    left: int | None = None

    @property
    def in_full(self) -> bool:
        """Is the whole text shown?"""
        return self.level != "preview"


def decide(access: str, *, entitled: bool, staff: bool, meter: Meter) -> Access:
    """Decide by the article's ``access`` (free, metered, members); an unknown word is the strictest."""
    if access == "free":
        return Access("full", "free")
    if entitled:
        return Access("full", "member")
    if staff:
        return Access("full", "staff")
    if access == "metered":
        if meter.seen or meter.used < meter.limit:
            used = meter.used if meter.seen else meter.used + 1
            return Access("metered", "meter", max(0, meter.limit - used))
        return Access("preview", "meter-used-up")
    return Access("preview", "members-only")
