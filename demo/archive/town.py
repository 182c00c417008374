"""Town notices: works, timetables, lost and found, and the weather that was."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from random import Random

from demo.archive.council import STREETS
from demo.archive.piece import Month, Piece, author, count, number, sentence

WORKS = (
    "the water main is replaced",
    "the rails are taken up",
    "the drains are cleaned",
    "the wall is pointed",
    "a gas line is moved",
    "the lindens are pruned",
)
FOUND = (
    "a trombone",
    "a wedding ring with the date worn off",
    "one ice skate",
    "a box of glass negatives",
    "a parrot that says only a telephone number",
    "four library books, all of them about knots",
    "a set of false teeth in a marmalade jar",
    "a child's drawing of the ferry, framed",
    "an accordion without keys",
)


def town(seed: int, months: Sequence[Month]) -> Iterator[Piece]:
    """A weather summary each month, and a notice in most of them."""
    for month in months:
        dice = month.dice(seed, "town")
        yield _weather(month, dice)
        if dice.random() < 0.6:
            yield dice.choice((_closure, _lost, _timetable))(month, dice)


def _weather(month: Month, dice: Random) -> Piece:
    # Degrees Fahrenheit: coldest in mid-January; a slow rise over the twenty years.
    normal = 49 - 24 * math.cos((month.first.month - 1.2) / 12 * math.tau)
    mean = round(normal + month.number * 0.006 + dice.gauss(0, 2.4))
    warmest, coldest = mean + dice.randint(14, 24), mean - dice.randint(14, 26)
    wet, inches = dice.randint(3, 17), round(max(0.3, dice.gauss(3.3, 1.3)), 1)
    against = round(mean - normal)
    feel = "as it usually is" if abs(against) < 1 else f"{count(abs(against), 'degree')} {'warmer' if against > 0 else 'colder'} than usual"
    short = "an ordinary one" if abs(against) < 1 else f"{count(abs(against), 'degree')} {'warmer' if against > 0 else 'colder'} than usual"
    return Piece(
        slug=f"weather-{month.first:%Y-%m}",
        title=sentence(f"{month.name} was {short}, with {inches} inches of {'rain' if coldest > 30 else 'rain and snow'}"),
        topic="Weather",
        author=author("weather", month),
        at=month.at(month.days + 1, 5, dice.randrange(60)),
        access="free",
        summary=f"Mean {mean} degrees, between {coldest} and {warmest}.",
        paragraphs=(
            f"The mean temperature at the waterworks in {month.name} was {mean} degrees, {feel}. The warmest afternoon reached {warmest}, and the coldest night {coldest}.",
            f"Something fell on {count(wet, 'day')}, {inches} inches in all. The waterworks has measured since 1931, at seven each morning.",
        ),
    )


def _closure(month: Month, dice: Random) -> Piece:
    street, days, works = dice.choice(STREETS), dice.randint(2, 19), dice.choice(WORKS)
    other = dice.choice([name for name in STREETS if name != street])
    return Piece(
        slug=f"notice-{month.first:%Y-%m}-works",
        title=f"{street} closed for {count(days, 'day')}",
        topic="Notices",
        author="The Ferry Bell",
        at=month.at(dice.randint(2, 26), 9),
        access="free",
        summary=f"Traffic goes by {other} while {works}.",
        paragraphs=(
            f"{street} will be closed to cars for {count(days, 'day')}, from the coming Monday, while {works}. Traffic goes by {other}; people on foot can pass.",
            "Deliveries are possible before eight in the morning. Questions go to the highway garage, which answers the telephone until four.",
        ),
    )


def _lost(month: Month, dice: Random) -> Piece:
    things = dice.sample(FOUND, 3)
    return Piece(
        slug=f"notice-{month.first:%Y-%m}-found",
        title=sentence(f"Found on the ferry: {things[0]}"),
        topic="Notices",
        author="The Ferry Bell",
        at=month.at(dice.randint(2, 26), 9),
        access="free",
        summary="What nobody has asked for yet, and where to ask.",
        paragraphs=(
            f"The deckhands have handed in {things[0]}, {things[1]} and {things[2]}. All three can be had at the ticket window by whoever is able to describe them.",
            f"There are, besides, {number(dice.randint(13, 70))} umbrellas.",
        ),
    )


def _timetable(month: Month, dice: Random) -> Piece:
    first, every = dice.choice(("5:40", "5:50", "6:00")), dice.choice((20, 25, 30, 40))
    return Piece(
        slug=f"notice-{month.first:%Y-%m}-ferry",
        title=f"Ferry: first boat at {first}, then every {every} minutes",
        topic="Notices",
        author="The Ferry Bell",
        at=month.at(dice.randint(2, 26), 9),
        access="free",
        summary="The timetable for the coming weeks.",
        paragraphs=(
            f"From the first of next month the first boat leaves the Tarrow slip at {first}. After that there is one every {every} minutes until nine in the evening, and every hour from then on.",
            "In fog, boats leave when the pilot can hear the bell on the other side. Bicycles ride free before seven.",
        ),
    )
