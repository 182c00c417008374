"""When is it too quiet? The chance of so long a silence, by this site's own rhythm.

Events come in bursts (one payment is told in eight), so bursts are counted: events that follow the one before by more
than PAUSE begin a new one. How many bursts an hour of the week brings is learnt from the last eight weeks, each hour's
own count drawn a little towards the mean of all hours, since eight Mondays are few. If bursts came by a Poisson process
with that rate, none would come between two instants with the chance exp(-m), m being the rate summed over the time
between (Kingman, Poisson Processes, 1993, section 2.1, with the mean measure of section 1.3). Below ONE_IN it is no chance any more.

Bursts are not quite Poisson (the first of a month has more renewals), hence a rare ONE_IN, a floor and a ceiling.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

HOUR = timedelta(hours=1)
WEEK = 168  # hours
LEARNT = timedelta(weeks=8)
PAUSE = timedelta(minutes=10)
ONE_IN = 1000
FLOOR = timedelta(hours=1)  # shorter silences are nothing, however busy the site is
CEILING = timedelta(days=14)  # longer ones are something, however quiet it is: Stripe forgets events after 30 days
LEAST_BURSTS, LEAST_TIME = 20, timedelta(weeks=2)  # with less history there is no rhythm yet
PRIOR = 1.0  # weeks that the mean of all hours counts for in each hour


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Bursts an hour, for each of the 168 hours of a week (UTC, from Monday 0:00)."""

    rates: tuple[float, ...]

    def expected(self, start: datetime, end: datetime) -> float:
        """How many bursts this much time brings on average."""
        total, at = 0.0, start
        while at < end:
            until = min(_next_hour(at), end)
            total += self.rates[_hour(at)] * ((until - at) / HOUR)
            at = until
        return total


def bursts(times: Iterable[datetime]) -> list[datetime]:
    """The first event of each burst, of instants in order."""
    found, before = [], None
    for at in times:
        if before is None or at - before > PAUSE:
            found.append(at)
        before = at
    return found


def learn(times: Iterable[datetime]) -> Rhythm | None:
    """The rhythm of these events (instants in UTC and in order), or None where they are too few or too recent."""
    begun = bursts(times)
    if len(begun) < LEAST_BURSTS or begun[-1] - begun[0] < LEAST_TIME:
        return None
    weeks = (begun[-1] - begun[0]) / HOUR / WEEK
    mean = len(begun) / weeks / WEEK
    counts = [0] * WEEK
    for at in begun:
        counts[_hour(at)] += 1
    return Rhythm(tuple((count + PRIOR * mean) / (weeks + PRIOR) for count in counts))


def chance(rhythm: Rhythm, last: datetime, now: datetime) -> float:
    """How likely it is, between 0 and 1, that nothing comes from ``last`` to ``now``."""
    return math.exp(-rhythm.expected(last, now))


def too_quiet(rhythm: Rhythm | None, last: datetime, now: datetime) -> bool:
    """Should somebody look? Never without a rhythm or below FLOOR, always above CEILING."""
    silence = now - last
    if rhythm is None or silence < FLOOR:
        return False
    return silence >= CEILING or chance(rhythm, last, now) < 1 / ONE_IN


def _hour(at: datetime) -> int:
    return at.weekday() * 24 + at.hour


def _next_hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0) + HOUR
