"""A short article of the archive, and the small tools that every desk's grammar shares."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Piece:
    """``paragraphs`` are plain sentences without any markup; ``at`` is the instant of publication."""

    slug: str
    title: str
    topic: str
    author: str
    at: datetime
    access: str
    summary: str
    paragraphs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Month:
    """A local month: its first day, the zone, and how many months of the archive lie before it."""

    first: date
    zone: ZoneInfo
    number: int

    @property
    def days(self) -> int:
        return monthrange(self.first.year, self.first.month)[1]

    @property
    def name(self) -> str:
        return f"{self.first:%B}"

    def at(self, day: int, hour: int, minute: int = 0) -> datetime:
        """An instant of the month by the local clock; days beyond 28 run on into the next month."""
        local = datetime.combine(self.first + timedelta(days=day - 1), time(hour, minute), self.zone)
        return local.astimezone(UTC)

    def dice(self, seed: int, desk: str) -> Random:
        return Random(f"{seed}:{desk}:{self.first}")


Desk = Callable[[int, Sequence[Month]], Iterator[Piece]]

NUMBERS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]

# Bylines of twenty years; each is on a desk for some of them.
AUTHORS = (
    "Harriet Quennell",
    "Dunstan Reyes-Holt",
    "Maud Ostrander",
    "Phineas Agyeman",
    "Corinne Tallis",
    "Ewan Brightwater",
    "Nerys Calloway-Dunn",
    "Otto Villanueva",
    "Sybil Marchetti",
    "Rafe Underhill",
    "Dov Harkness",
    "Tobias Wrenfield",
)


def months(now: datetime, zone: ZoneInfo, years: int) -> list[Month]:
    """The local months of so many years, up to and without the one that ``now`` lies in."""
    local = now.astimezone(zone)
    last = local.year * 12 + local.month - 1
    first = last - years * 12
    return [Month(date(index // 12, index % 12 + 1, 1), zone, index - first) for index in range(first, last)]


def author(desk: str, month: Month) -> str:
    """Who has the desk in this month: people move on after three years or so."""
    return AUTHORS[(sum(map(ord, desk)) + month.number // 38) % len(AUTHORS)]


def number(value: int) -> str:
    """One to twelve in words, more in figures."""
    return NUMBERS[value] if 0 <= value < len(NUMBERS) else f"{value:,}"


def count(value: int, one: str, many: str | None = None) -> str:
    """``count(3, "vote")`` is "three votes"."""
    return f"{number(value)} {one if value == 1 else many or one + 's'}"


def sentence(text: str) -> str:
    """The first letter in upper case, whatever a slot began with."""
    return text[:1].upper() + text[1:]


def dollars(amount: int) -> str:
    return f"${amount:,}"


def access(dice: Random) -> str:
    """Old news is mostly open: some of it counts on the meter, a little is for members."""
    return dice.choices(("free", "metered", "members"), (50, 38, 12))[0]
