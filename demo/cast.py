"""The readers whose addresses and password are printed: each in a state that is worth looking at."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from demo.books import Books
from demo.climate import Climate
from demo.giving import Giving
from demo.publication import DEMO_ACCOUNTS
from demo.records import Person, World
from demo.spans import add_months, period
from demo.subscribing import DUNNING_ENDS, GRACE
from demo.tracks import Terms, Track


class Cast:
    """Adds the demo's readers to a world that has been simulated."""

    def __init__(self, world: World, *, zone: ZoneInfo, currency: str) -> None:
        self.world, self.now = world, world.now
        self.climate = Climate(world.start, world.now, zone)
        self.books = Books(currency, since=world.start, entries=world.entries, charges=sum(e.kind == "payment" for e in world.entries))
        self.people: dict[str, Person] = {}

    def enter(self) -> dict[str, Person]:
        """Address -> person, for every demo account that is a reader."""
        now = self.now
        for account in DEMO_ACCOUNTS:
            if account.staff_role is None:
                person = Person(
                    len(self.world.people),
                    account.name,
                    account.email,
                    add_months(now, -18),
                    newsletter=account.email.startswith("monthly"),
                )
                self.people[account.email] = person
                self.world.people.append(person)
        self._active("monthly@reader.example", self._ago(months=9, days=11))
        self._gives_notice("yearly@reader.example", self._ago(months=10))
        self._declined("pastdue@reader.example", self._ago(months=5, days=2))
        self._lapsed("lapsed@reader.example", self._ago(months=14))
        self._contributor("contributor@reader.example")
        return self.people

    def _ago(self, *, months: int, days: int = 0) -> datetime:
        return add_months(self.now - timedelta(days=days, minutes=20), -months)

    def _track(self, email: str, start: datetime, interval: str) -> Track:
        person = self.people[email]
        terms = Terms("reader", interval, self.climate.price("reader", interval, start), self.books.currency)
        track = Track(person.number, f"sub_demo_{email.split('@')[0]}", person.customer_id, terms, start)
        track.enter("active", start)
        return track

    def _pays(self, track: Track, until: datetime) -> None:
        """Every renewal before ``until``, each with the price of its time."""
        number = 0
        while (begin := period(track.started_at, track.terms.interval, number)) < until:
            if number and track.reprice(amount=self.climate.price("reader", track.terms.interval, begin, since=track.started_at)):
                track.enter("active", begin)
            self.books.charge("subscription", track.terms.amount, begin, track.customer_id, person=track.person, subscription_id=track.id)
            track.period_start, track.period_end = begin, period(track.started_at, track.terms.interval, number + 1)
            number += 1

    def _keep(self, track: Track) -> None:
        self.world.sources.append(track.source(self.now))

    def _active(self, email: str, start: datetime) -> None:
        track = self._track(email, start, "month")
        self._pays(track, self.now)
        self._keep(track)

    def _gives_notice(self, email: str, start: datetime) -> None:
        track = self._track(email, start, "year")
        self._pays(track, self.now)
        track.notice_at, track.ends_at, track.reason = self.now - timedelta(days=9), track.period_end, "too_expensive"
        track.enter("ending", track.notice_at, until=track.ends_at, cause="reader")
        self._keep(track)

    def _declined(self, email: str, start: datetime) -> None:
        """The renewal of two days ago failed; she reads on for the rest of the grace."""
        track = self._track(email, start, "month")
        due = period(start, "month", 5)
        self._pays(track, due)
        track.status, track.period_start, track.period_end = "past_due", due, period(start, "month", 6)
        track.enter("past_due", due, until=due + GRACE, cause="payment")
        self._keep(track)

    def _lapsed(self, email: str, start: datetime) -> None:
        """Her card failed some months ago and was never mended."""
        track = self._track(email, start, "month")
        due = period(start, "month", 11)
        self._pays(track, due)
        track.enter("past_due", due, until=due + GRACE, cause="payment")
        track.end(due + DUNNING_ENDS, "payment")
        self._keep(track)

    def _contributor(self, email: str) -> None:
        """Gives, and does not subscribe: two payments by her own hand and one every month."""
        giving = Giving(
            self.climate, self.books, Random("demo:contributor"), given=self.world.contributions, billings=self.world.contribution_billings
        )
        person = self.people[email]
        for days in (400, 30):
            giving.once(self.now - timedelta(days=days), person)
        giving.monthly(self._ago(months=4), person)
