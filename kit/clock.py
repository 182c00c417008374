"""The only clock. Tests freeze it; rules never read it (they are handed an instant).

A process that serves (web, worker) counts beside it the seconds that the machine runs. Where the two differ by more than a
day, somebody or something has set the clock, and what it says is not believed: gates would shut for everybody, sessions and
leases run out, mails say that it is over. The count is believed until the clock is right again, or was found to be right
(kit/timekeeping.py). A smaller jump is believed: nobody can tell it from a machine that slept.
"""

import time
from datetime import UTC, datetime, timedelta

BRAKE = timedelta(days=1)
# Goes on while the machine sleeps, where there is such a count (Linux).
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

_kept: tuple[datetime, float] | None = None  # an instant that was believed, and the count at it


def now() -> datetime:
    """The present instant, aware, in UTC."""
    told = datetime.now(UTC)
    if _kept is None:
        return told
    counted = _counted(_kept)
    return told if abs(told - counted) <= BRAKE else counted


def told() -> datetime:
    """What the machine's clock says, believed or not."""
    return datetime.now(UTC)


def steady() -> float:
    """Seconds of a count that nobody sets; it means something only within one run of the machine."""
    return time.clock_gettime(_STEADY)


def keep(instant: datetime | None) -> None:
    """From here on count from ``instant``, which is now; None: believe the machine's clock, whatever it says."""
    global _kept
    _kept = None if instant is None else (instant, steady())


def doubt() -> timedelta | None:
    """By how much the machine's clock is ahead of what is believed (negative: behind); None while it is believed."""
    if _kept is None:
        return None
    off = datetime.now(UTC) - _counted(_kept)
    return off if abs(off) > BRAKE else None


def _counted(kept: tuple[datetime, float]) -> datetime:
    return kept[0] + timedelta(seconds=time.clock_gettime(_STEADY) - kept[1])


def from_timestamp(seconds: int | float | None) -> datetime | None:
    """Stripe's times are whole seconds since 1970; None stays None."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
