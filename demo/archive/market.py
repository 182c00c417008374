"""The market desk: what things cost on Bridge Street, on one Saturday of each month."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from demo.archive.piece import Month, Piece, access, author, number, sentence

# (what, unit, cents twenty years ago, month in which it is cheapest or 0)
GOODS = (
    ("eggs", "a dozen", 180, 5),
    ("apples", "a pound", 95, 10),
    ("potatoes", "ten pounds", 320, 9),
    ("onions", "three pounds", 190, 9),
    ("honey", "a jar", 520, 8),
    ("carrots", "a bunch", 140, 8),
    ("river trout", "a pound", 610, 6),
    ("rye bread", "a loaf", 310, 0),
    ("cheese from Upper Tarrow", "a pound", 780, 6),
    ("cut flowers", "a bunch", 400, 7),
    ("firewood", "a face cord", 5_500, 6),
    ("cider", "a jug", 450, 10),
)


def market(seed: int, months: Sequence[Month]) -> Iterator[Piece]:
    """Prices drift by two or three percent a year, with a season for what grows."""
    for month in months:
        dice = month.dice(seed, "market")
        listed = []
        for name, unit, cents, cheapest in dice.sample(GOODS, 5):
            listed.append(
                (
                    name,
                    unit,
                    _price(month, cents, cheapest, dice.gauss(0, 0.04)),
                    _price(month, cents, cheapest, dice.gauss(0, 0.04), years_back=1),
                )
            )
        name, unit, now, last = max(listed, key=lambda row: abs(row[2] / row[3] - 1))
        stalls = dice.randint(18, 43) if month.first.month not in (1, 2) else dice.randint(9, 17)
        yield Piece(
            slug=f"market-{month.first:%Y-%m}",
            title=sentence(f"At the market: {name} {_moved(now, last)}, {_dollars(now)} {unit}"),
            topic="Business",
            author=author("market", month),
            at=month.at(dice.randint(3, 24), 14, dice.randrange(60)),
            access=access(dice),
            summary=f"What five things cost on Bridge Street in {month.name}, and what they cost a year ago.",
            paragraphs=(
                f"There were {number(stalls)} stalls on Bridge Street when we went round with a pencil. {sentence(name)} cost {_dollars(now)} {unit}; a year ago it was {_dollars(last)}."
                if not name.endswith("s")
                else f"There were {number(stalls)} stalls on Bridge Street when we went round with a pencil. {sentence(name)} cost {_dollars(now)} {unit}; a year ago they were {_dollars(last)}.",
                "Also noted: "
                + "; ".join(f"{n}, {_dollars(p)} {u} ({_dollars(b)} a year ago)" for n, u, p, b in listed if n != name)
                + ".",
                "Prices are the lowest that we were asked for goods without faults, before noon.",
            ),
        )


def _price(month: Month, cents: int, cheapest: int, noise: float, *, years_back: int = 0) -> int:
    years = (month.number - 12 * years_back) / 12
    season = 1 - 0.14 * math.cos((month.first.month - cheapest) / 12 * math.tau) if cheapest else 1.0
    return max(5, round(cents * 1.027**years * season * (1 + noise) / 5) * 5)


def _moved(now: int, last: int) -> str:
    return "up" if now > last else "down" if now < last else "unchanged"


def _dollars(cents: int) -> str:
    return f"${cents // 100}.{cents % 100:02d}"
