"""Months of readers, from a seed: pure, so that the same seed and the same now give the same world.

The base dwindles on purpose. It opens with the members of earlier years, swells in a flood spring, and ebbs: yearly
members leave when that spring comes round again, cards fail, a price rise makes a wave, fewer arrive each month; a
drive at the end of last year helps for a while. climate.py has the numbers.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from demo import climate as weather
from demo import names
from demo.books import Books
from demo.climate import Arrivals, Climate, at_an_hour
from demo.giving import give
from demo.records import Person, Source, Stretch, World
from demo.spans import add_months, month_start
from demo.subscribing import Life, live
from demo.tracks import LAG, Terms, Track
from membership.domain.standing import Snapshot


class Simulation:
    """One world in the making. ``now`` is aware; ``months`` counts calendar months, the present one included."""

    def __init__(self, *, readers: int, months: int, seed: int, now: datetime, zone: ZoneInfo, currency: str) -> None:
        if readers < 1 or months < 1:
            raise ValueError("a world needs at least one reader and one month")
        self.seed, self.readers = seed, readers
        start = month_start(add_months(month_start(now, zone) + timedelta(days=14), 1 - months), zone)
        self.climate = Climate(start, now, zone)
        self.books = Books(currency, since=start)
        self.world = World(start, now)
        self.arrivals = Arrivals(self.climate)
        self.tracks = 0

    def run(self) -> World:
        """Live through all of it."""
        opening, joining = round(self.readers * weather.OPENING_SHARE), round(self.readers * weather.JOINING_SHARE)
        comps = round(self.readers * weather.COMP_SHARE)
        for number in range(self.readers):
            dice = Random(f"{self.seed}:reader:{number}")
            if number < opening:
                self._of_old(number, dice)
            elif number < opening + joining:
                self._joins(number, dice)
            elif number < opening + joining + comps:
                self._reads_for_free(number, dice)
            else:
                self._person(number, dice, self.arrivals.draw(dice))
        others = [p for p in self.world.people[opening + joining + comps :] if p.number % 2 == 0]
        giving = give(self.climate, self.books, Random(f"{self.seed}:giving"), self.world.people[: opening + joining], others)
        self.world.contributions, self.world.contribution_billings = giving.given, giving.billings
        self.world.entries = self.books.entries
        return self.world

    def _person(self, number: int, dice: Random, at: datetime) -> Person:
        name, email = names.person(dice, number)
        person = Person(number, name, email, at, newsletter=dice.random() < 0.3)
        self.world.people.append(person)
        return person

    def _of_old(self, number: int, dice: Random) -> None:
        """Joined in the five years before the window and still there when it opens."""
        back = timedelta(days=int(5 * 365 * dice.random() ** 1.6) + 1)
        at = at_an_hour(dice, (self.climate.start - back).date(), self.climate.zone)
        at = min(at, self.climate.start - timedelta(hours=1))
        self._subscribes(self._person(number, dice, at), dice, at, yearly=0.42)

    def _joins(self, number: int, dice: Random) -> None:
        at = self.arrivals.draw(dice)
        in_flood, in_drive = self.climate.in_flood(at.date()) > 0, self.climate.drive(at.date()) > 0
        person = self._person(number, dice, at - timedelta(minutes=dice.randint(2, 30)))
        yearly = 0.58 if in_flood else 0.5 if in_drive else 0.36
        self._subscribes(person, dice, at, yearly=yearly, flood=in_flood, trial=not in_drive and dice.random() < 0.16)

    def _subscribes(self, person: Person, dice: Random, at: datetime, *, yearly: float, flood: bool = False, trial: bool = False) -> None:
        """A first subscription, and those after it when she leaves and comes back."""
        joined = at
        for _ in range(4):
            track = self._track(person, dice, at, "year" if dice.random() < yearly and not trial else "month")
            live(Life(track, dice, self.climate, self.books, joined, flood), trial=trial)
            self.world.sources.append(track.source(self.climate.now))
            again = self._comes_back(track, dice)
            if again is None:
                return
            at, trial, yearly = again, False, yearly * 0.7

    def _track(self, person: Person, dice: Random, at: datetime, interval: str) -> Track:
        self.tracks += 1
        level = "supporter" if dice.random() < 0.13 else "reader"
        amount = self.climate.price(level, interval, at)
        terms = Terms(level, interval, amount, self.books.currency)
        return Track(person.number, f"sub_demo_{self.tracks:06d}", person.customer_id, terms, at)

    def _comes_back(self, track: Track, dice: Random) -> datetime | None:
        """When she subscribes anew, or None: a lost card is often mended within weeks, a decision seldom taken back."""
        if track.ended_at is None or track.end_cause in ("death", "staff"):
            return None
        share, mean = (0.33, 24) if track.end_cause == "payment" else (0.15, 170)
        if dice.random() >= share:
            return None
        at = track.ended_at + timedelta(days=1 + dice.expovariate(1 / mean), seconds=dice.randint(0, 50_000))
        return at if at < self.climate.now - timedelta(hours=1) else None

    def _reads_for_free(self, number: int, dice: Random) -> None:
        """A complimentary grant of a year: teachers, sources, people who wrote that they cannot pay."""
        at = self.arrivals.draw(dice)
        person = self._person(number, dice, at)
        until = at + timedelta(days=365)
        row = Stretch(at, until, "comp", "active", "complimentary", None, 0, None, at + LAG, end_cause="staff", until_recorded_at=at + LAG)
        snapshot = Snapshot(
            kind="grant",
            source_id=f"grant_{number + 1}",
            status="active",
            started_at=at,
            observed_at=at + LAG,
            paid_until=until,
            ends_at=until,
            changed_at=at,
            plan_key="complimentary",
        )
        self.world.sources.append(Source(person.number, snapshot, [row]))
        if until < self.climate.now and dice.random() < 0.4:
            self._subscribes(person, dice, until + timedelta(days=1 + dice.randint(0, 20)), yearly=0.5)


def simulate(*, readers: int, months: int, seed: int, now: datetime, zone: ZoneInfo, currency: str) -> World:
    """The whole world, as plain records. Raises ValueError for fewer than one reader or month."""
    return Simulation(readers=readers, months=months, seed=seed, now=now, zone=zone, currency=currency).run()
