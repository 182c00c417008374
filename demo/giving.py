"""Contributions: what people give without buying anything; members, readers, and guests without an account."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from demo import names
from demo.books import TARIFF, Books
from demo.climate import Arrivals, Climate, at_an_hour
from demo.records import Billing, Given, Person
from demo.spans import period
from payments.domain import fees

# Minor units: the amounts that the page suggests, and some that people think of themselves.
AMOUNTS = (1000, 2500, 5000, 10000, 500, 1500, 2000, 3000, 4100, 7500, 25000, 300, 1700, 50000)
AMOUNT_WEIGHTS = (24, 26, 15, 7, 8, 6, 6, 4, 2, 2, 2, 3, 2, 0.4)
MONTHLY = (300, 500, 1000, 1500, 2500)
MONTHLY_WEIGHTS = (18, 40, 26, 8, 8)


@dataclass
class Giving:
    """Writes contributions and books their money."""

    climate: Climate
    books: Books
    dice: Random
    given: list[Given] = field(default_factory=list)
    billings: list[Billing] = field(default_factory=list)
    guests: int = 0

    def once(self, at: datetime, person: Person | None) -> None:
        """One payment; a few are given back later, a few cards are declined and nothing comes."""
        row = self._promise(at, person, "once", self.dice.choices(AMOUNTS, AMOUNT_WEIGHTS)[0])
        if self.dice.random() < 0.02:
            row.status = "failed"
            return
        row.status, row.paid_at = "paid", at
        charge = self._charge(row, at)
        back = at + timedelta(days=self.dice.randint(1, 20), seconds=self.dice.randint(0, 40_000))
        if charge and self.dice.random() < 0.008 and back <= self.climate.now:
            row.refunded, row.status = self.books.refund(charge, back), "refunded"

    def monthly(self, at: datetime, person: Person | None) -> None:
        """Every month from ``at`` until she stops, the card fails for good, or now."""
        dice, now = self.dice, self.climate.now
        row = self._promise(at, person, "month", dice.choices(MONTHLY, MONTHLY_WEIGHTS)[0])
        row.subscription_id, row.paid_at = f"sub_demo_c{row.number:06d}", at
        row.status = "active"
        number = 0
        while (due := period(at, "month", number)) <= now:
            if number and dice.random() < 0.028:
                row.status = "past_due" if now - due < timedelta(days=21) and dice.random() < 0.5 else "canceled"
                break
            self._charge(row, due)
            number += 1
        self.billings.append(self._billing(row, number))

    def _promise(self, at: datetime, person: Person | None, frequency: str, amount: int) -> Given:
        dice = self.dice
        if person is None:
            self.guests += 1
            name, email = names.person(dice, 900_000 + self.guests)
            customer = f"cus_demo_g{self.guests:06d}"
        else:
            name, email, customer = person.name, person.email, person.customer_id
        row = Given(
            number=len(self.given) + 1,
            person=person.number if person else None,
            customer_id=customer,
            email=email,
            name=name,
            frequency=frequency,
            amount=amount,
            fee_cover=fees.cover(amount, TARIFF) if dice.random() < 0.45 else 0,
            currency=self.books.currency,
            message=dice.choice(names.MESSAGES) if dice.random() < 0.14 else "",
            anonymous=dice.random() < 0.18,
            status="pending",
            created_at=at,
            paid_at=None,
        )
        self.given.append(row)
        return row

    def _charge(self, row: Given, at: datetime) -> str | None:
        return self.books.charge(
            "contribution",
            row.amount + row.fee_cover,
            at,
            row.customer_id,
            person=row.person,
            subscription_id=row.subscription_id,
            contribution=row.number,
        )

    def _billing(self, row: Given, paid: int) -> Billing:
        """The Subscription behind a monthly contribution, after ``paid`` payments."""
        start = row.created_at
        ended = period(start, "month", paid) if row.status == "canceled" else None
        behind = row.status == "past_due"
        first = paid if behind else paid - 1
        return Billing(
            row.subscription_id or "",
            row.customer_id,
            "contribution",
            row.status,
            None,
            row.amount + row.fee_cover,
            row.currency,
            "month",
            start,
            period(start, "month", first),
            period(start, "month", first + 1),
            ended_at=ended,
            canceled_at=ended,
        )


def give(climate: Climate, books: Books, dice: Random, people: list[Person], others: list[Person]) -> Giving:
    """Members give around the drives, ``others`` because they would rather give than subscribe, guests at any time."""
    giving = Giving(climate, books, dice)
    scale = (len(people) + len(others)) / 3000
    arrivals = Arrivals(climate)
    for day in climate.days():
        drive = climate.drive(day)
        for _ in range(_poisson(dice, scale * (0.5 + 4.6 * drive))):
            who = dice.choice(people) if people and dice.random() < 0.55 else None
            at = min(at_an_hour(dice, day, climate.zone), climate.now - timedelta(minutes=5))
            if who is None or who.created_at <= at:
                giving.once(max(at, climate.start), who)
    for person in others:
        at = max(person.created_at, climate.start)
        for _ in range(dice.choice((1, 1, 1, 2, 3))):
            giving.once(at, person)
            at = min(climate.now - timedelta(minutes=dice.randint(5, 5000)), at + timedelta(days=dice.randint(60, 420)))
    for _ in range(round(110 * scale)):
        at, who = arrivals.draw(dice), dice.choice(people) if people and dice.random() < 0.4 else None
        giving.monthly(max(at, who.created_at) if who else at, who)
    return giving


def _poisson(dice: Random, mean: float) -> int:
    """How many, when ``mean`` are to be expected (Knuth's way; the means here are small)."""
    limit, count, product = 2.718281828459045**-mean, 0, dice.random()
    while product > limit:
        count += 1
        product *= dice.random()
    return count
