"""Months as the publication lives them: local first midnight to the next, each turned into UTC by itself.

A month is never "30 days" and never a UTC month: a subscription that ends at 00:30 on 1 November in
Berlin ended in November there, though it was still October in UTC.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple, Self
from zoneinfo import ZoneInfo


class Month(NamedTuple):
    """A calendar month. Orders, hashes and prints (`2026-11`) as one expects."""

    year: int
    month: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """`YYYY-MM` to a Month. Raises ValueError on anything else, years before 1970 or after 9998 included."""
        year, dash, month = text.strip().partition("-")
        if not (dash and len(year) == 4 and len(month) == 2 and (year + month).isascii() and (year + month).isdigit()):
            raise ValueError(f"not a month: {text!r} (write YYYY-MM)")
        found = cls(int(year), int(month))
        if not (1970 <= found.year <= 9998 and 1 <= found.month <= 12):
            raise ValueError(f"no such month: {text!r}")
        return found

    @classmethod
    def of(cls, instant: datetime, zone: ZoneInfo) -> Self:
        """The month in which an aware instant falls, seen from `zone`."""
        local = instant.astimezone(zone)
        return cls(local.year, local.month)

    def plus(self, months: int) -> Self:
        """The month so many months later (or earlier)."""
        year, month = divmod(self.year * 12 + self.month - 1 + months, 12)
        return type(self)(year, month + 1)

    def start(self, zone: ZoneInfo) -> datetime:
        """The instant (UTC) at which this month begins in `zone`."""
        return first_instant(date(self.year, self.month, 1), zone)

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"


def first_instant(day: date, zone: ZoneInfo) -> datetime:
    """The first instant (UTC, to the second) at which the clocks of `zone` show the day's midnight or later.

    Where clocks jump over midnight the day begins with the jump; where midnight
    comes twice it begins with the first.
    """
    wall = datetime.combine(day, time.min)
    instant = wall.replace(tzinfo=zone).astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == wall:
        return instant
    # In a gap, fold=1 reads the clock as it was set after the jump: an instant before it.
    before, after = wall.replace(tzinfo=zone, fold=1).astimezone(UTC), instant
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=int((after - before).total_seconds()) // 2)
        if middle.astimezone(zone).replace(tzinfo=None) >= wall:
            after = middle
        else:
            before = middle
    return after


def months_through(first: Month, last: Month) -> Iterator[Month]:
    """`first` to `last`, both included; nothing when `last` is earlier."""
    while first <= last:
        yield first
        first = first.plus(1)


def boundaries(months: list[Month], zone: ZoneInfo, now: datetime) -> list[datetime]:
    """The len(months)+1 instants around consecutive months; the last is `now` where the month is still running."""
    starts = [month.start(zone) for month in months]
    return [*starts, min(months[-1].plus(1).start(zone), now)] if months else []
