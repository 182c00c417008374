"""The river desk: what the hand-read gauge said each month, from a year's curve with its floods and dry spells."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from demo.archive.piece import Month, Piece, access, author, count, sentence

FLOOD_STAGE = 9.0  # feet


def river(seed: int, months: Sequence[Month]) -> Iterator[Piece]:
    """One report a month; levels in feet, to a tenth, as they are read."""
    before: float | None = None
    for month in months:
        dice = month.dice(seed, "river")
        # Highest in March and April, lowest in September, and a long wave of wet and dry years.
        season = 5.0 + 2.1 * math.cos((month.first.month - 3.6) / 12 * math.tau) + 0.6 * math.sin(month.number / 41)
        mean = round(max(1.2, season + dice.gauss(0, 0.7)), 1)
        high = round(mean + 0.3 + abs(dice.gauss(0.9, 0.9)), 1)
        low = round(max(0.6, mean - 0.2 - abs(dice.gauss(0.6, 0.4))), 1)
        days_over = 0 if high < FLOOD_STAGE else max(1, round((high - FLOOD_STAGE) * 4 + dice.random() * 2))
        peak_day = dice.randint(2, 27)
        yield Piece(
            slug=f"river-{month.first:%Y-%m}",
            title=_title(month, mean, high, before, dice.random()),
            topic="River",
            author=author("river", month),
            at=month.at(month.days + 2, 6, dice.randrange(60)),
            access=access(dice),
            summary=f"Mean {mean} feet at the Tarrow steps, between {low} and {high}.",
            paragraphs=(
                f"The Ansel stood at {mean} feet on the mean of all mornings in {month.name}, by the board on the old railroad bridge"
                + (f", {_compare(mean, before)}." if before is not None else "."),
                f"The highest reading, {high} feet, was taken on the {ordinal(peak_day)}; the lowest was {low}. " + _floods(days_over),
                _readers(dice.randint(0, 3), dice.choice(REMARKS if month.first.month in (4, 5, 6, 7, 8, 9, 10) else WINTER_REMARKS)),
            ),
        )
        before = mean


REMARKS = (
    "An otter was entered twice.",
    "The margin says: fog, waited, read at seven.",
    "Somebody has drawn a heron.",
    "Swallows were entered under remarks.",
    "A canoe without anyone in it was noted, and claimed the next day.",
    "The tin with the notebook was found to contain, in addition, a biscuit.",
    "The remark for the last day is only: beautiful.",
    "A willow opposite has come down and was entered as such.",
)
WINTER_REMARKS = (
    "The ink froze on one of the mornings and the reading was made in pencil.",
    "Ice at the edge was marked on several days.",
    "Tracks of a fox led to the steps and back.",
    "The remark for the last day is only: cold.",
    "The flashlight gave out twice.",
    "Somebody has drawn a heron, in a scarf.",
)


def ordinal(day: int) -> str:
    """``ordinal(22)`` is "22nd"."""
    ending = "th" if 10 <= day % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return f"{day}{ending}"


def _compare(mean: float, before: float) -> str:
    change = round(mean - before, 1)
    if abs(change) < 0.15:
        return "much the same as in the month before"
    return f"{abs(change)} feet {'higher' if change > 0 else 'lower'} than in the month before"


def _title(month: Month, mean: float, high: float, before: float | None, die: float) -> str:
    if high >= FLOOD_STAGE:
        return f"River over flood stage in {month.name}: {high} feet"
    if mean < 2.6:
        return f"Low water: the Ansel at {mean} feet in {month.name}"
    if before is not None and mean - before > 1.2:
        return f"The river came up in {month.name}, to {mean} feet on the mean"
    return sentence(
        f"The river in {month.name}: {mean} feet, highest {high}"
        if die < 0.6
        else f"{month.name} at the gauge: between banks, highest {high} feet"
    )


def _floods(days: int) -> str:
    if not days:
        return "At no time did it reach flood stage, which is nine feet."
    return f"It was above flood stage, nine feet, on {count(days, 'day')}, and the gate at Basin Street was shut."


def _readers(missed: int, remark: str) -> str:
    done = "No morning was missed" if not missed else f"{sentence(count(missed, 'morning'))} had to be read late, because of fog"
    return f"{done}, say the volunteers who keep the book. {remark}"
