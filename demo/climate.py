"""The weather that the demo's readers live in: seasons, weekdays, a flood, drives, a price rise, slow fatigue.

All the numbers of the simulation are here, so that whoever wants another story changes one page. Rates are shares
a billing period unless said otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import accumulate
from random import Random
from zoneinfo import ZoneInfo

from demo.spans import add_months, month_start
from payments.domain import plans

# January to December: people join when evenings are long and news is near, and not while they are on holiday.
SEASON = (1.15, 0.95, 1.05, 1.0, 0.95, 0.8, 0.7, 0.75, 1.05, 1.1, 1.2, 1.15)
# Monday to Sunday.
WEEKDAY = (1.15, 1.05, 1.0, 1.0, 0.85, 0.8, 1.15)
# Midnight to 23 h: breakfast, lunch and after supper.
HOURS = (2, 1, 1, 1, 1, 3, 7, 10, 9, 7, 6, 6, 8, 7, 6, 5, 5, 6, 7, 9, 11, 11, 8, 4)

# (level, interval) -> minor units before the price rise; after it, what payments sells until the publisher says otherwise.
BEFORE = {("reader", "month"): 400, ("reader", "year"): 4000, ("supporter", "month"): 1000, ("supporter", "year"): 10000}
AFTER = {(plan.level, plan.interval): plan.unit_amount for plan in plans.defaults()}

# Where the story's base stands at the beginning, and who else is there: shares of all readers.
OPENING_SHARE, JOINING_SHARE, COMP_SHARE = 0.53, 0.37, 0.01

FLOOD_MONTH = 3  # the spring in which everybody needed the news
DRIVE_FROM, DRIVE_DAYS = (11, 17), 26  # month and day; days


@dataclass(frozen=True)
class Climate:
    """The window [start, now] in the publication's zone, and what is going on in it."""

    start: datetime
    now: datetime
    zone: ZoneInfo

    @property
    def rise(self) -> datetime:
        """When the new price is announced; members of old pay it from their first renewal 30 days later."""
        return month_start(add_months(self.now, -14), self.zone) + timedelta(days=8)

    @property
    def flood(self) -> date:
        """The first day of high water: in the first spring of the window."""
        first = self.start.astimezone(self.zone).date()
        year = first.year if first.month <= FLOOD_MONTH else first.year + 1
        return date(year, FLOOD_MONTH, 6)

    def price(self, level: str, interval: str, at: datetime, *, since: datetime | None = None) -> int:
        """Minor units for a period that begins at ``at``, for a member since ``since`` (None: a new one)."""
        held = since is not None and since < self.rise
        risen = at >= self.rise + timedelta(days=30 if held else 0)
        return (AFTER if risen else BEFORE)[level, interval]

    def drive(self, day: date) -> float:
        """Strength of the fundraising drive on a day: 0 outside of one; last year's was the one that worked."""
        began = date(day.year, *DRIVE_FROM)
        if not began <= day < began + timedelta(days=DRIVE_DAYS):
            return 0.0
        last_whole = self._last_whole_drive()
        strength = 3.0 if day.year == last_whole else 1.5 if day.year > last_whole else 0.8
        # Drives are loud when they begin and loudest in their last days.
        gone = (day - began).days / DRIVE_DAYS
        return strength * (1.4 if gone > 0.8 else 1.2 if gone < 0.15 else 0.8)

    def _last_whole_drive(self) -> int:
        today = self.now.astimezone(self.zone).date()
        return today.year if today >= date(today.year, *DRIVE_FROM) + timedelta(days=DRIVE_DAYS) else today.year - 1

    def share_gone(self, day: date) -> float:
        """How far into the window a day lies, 0 to 1."""
        first, last = self.start.date(), self.now.date()
        return min(1.0, max(0.0, (day - first).days / max(1, (last - first).days)))

    def in_flood(self, day: date) -> float:
        """How much the flood brings on a day: it rises in three days and is old news after forty."""
        after = (day - self.flood).days
        return 0.0 if not 0 <= after < 40 else 15.0 * min(1.0, (after + 1) / 3) * (1 - after / 40)

    def arrival_weight(self, day: date) -> float:
        """How many join on this day, relative to others: a slow ebb under all that happens."""
        ebb = 1.3 - 0.75 * self.share_gone(day)
        event = 1 + self.in_flood(day) + 1.1 * self.drive(day)
        if self.rise.date() <= day < self.rise.date() + timedelta(days=45):
            event *= 0.6
        return SEASON[day.month - 1] * WEEKDAY[day.weekday()] * ebb * event

    def days(self) -> list[date]:
        first, last = self.start.astimezone(self.zone).date(), self.now.astimezone(self.zone).date()
        return [first + timedelta(days=n) for n in range((last - first).days + 1)]

    def leaving(self, at: datetime, tenure_months: int, interval: str, *, flood: bool) -> float:
        """Chance that a reader gives notice within the period that begins at ``at``."""
        weariness = 0.85 + 0.6 * self.share_gone(at.date())
        if interval == "month":
            rate = 0.0195 * (2.1 if tenure_months < 3 else 1.25 if tenure_months < 9 else 0.6 if tenure_months > 30 else 1.0)
            rate *= 1.5 if flood and tenure_months < 14 else 1.0
            wave = 3.0 if timedelta() <= at - self.rise < timedelta(days=62) else 1.0
        else:
            rate = (0.42 if flood else 0.25) if tenure_months < 12 else 0.135
            # Whoever renews within the year after the rise meets the new price then.
            wave = 1.35 if timedelta(days=-330) <= at - self.rise < timedelta(days=30) else 1.0
        summer = 1.15 if at.month in (6, 7) else 1.0
        return min(0.6, rate * weariness * wave * summer)

    def failing(self, at: datetime, interval: str) -> float:
        """Chance that the card is declined at a renewal; cards expire most at the turn of the year."""
        return (0.026 if interval == "month" else 0.075) * (1.35 if at.month in (1, 2) else 1.0)


class Arrivals:
    """Draws instants of joining from the climate's days."""

    def __init__(self, climate: Climate) -> None:
        self.climate = climate
        self.days = climate.days()
        self.sums = list(accumulate(climate.arrival_weight(day) for day in self.days))

    def draw(self, dice: Random) -> datetime:
        """An instant in [start, now), at an hour at which people do such things."""
        day = dice.choices(self.days, cum_weights=self.sums)[0]
        at = at_an_hour(dice, day, self.climate.zone)
        return min(max(at, self.climate.start), self.climate.now - timedelta(minutes=dice.randint(20, 600)))


def at_an_hour(dice: Random, day: date, zone: ZoneInfo) -> datetime:
    """An instant of a local day, in UTC, to the second."""
    hour = dice.choices(range(24), HOURS)[0]
    local = datetime.combine(day, time(hour, dice.randrange(60), dice.randrange(60)), zone)
    return local.astimezone(UTC)
