"""The court desk: the county court's monthly list. Nobody is named, as is the paper's rule for small matters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

from demo.archive.piece import Month, Piece, access, author, count, dollars, number, sentence

# (who, what, least and greatest fine in dollars; 0: no fine)
CASES = (
    ("a man from Quarry Bend", "driving at fifty-one miles an hour past the school", 120, 400),
    ("a contractor", "pouring concrete wash into a storm drain", 600, 4_000),
    ("two brothers", "fishing below the weir at night without permits", 80, 260),
    ("a landlord", "letting an apartment without a working smoke alarm", 300, 1_500),
    ("a woman from the Flats", "keeping nine goats on a lot for three", 60, 220),
    ("a trucking company", "crossing the Mill Street bridge with four tons too many", 500, 3_500),
    ("a restaurant", "serving after hours on three nights", 200, 900),
    ("a student", "painting a heron on the wall of the bank", 0, 0),
    ("a scrap dealer", "buying copper pipe without asking for a name", 250, 1_200),
    ("a hunter", "shooting within two hundred yards of a house", 180, 700),
    ("a shop on Chandlers Row", "leaving its sign across the sidewalk after four warnings", 40, 160),
    ("a boat owner", "mooring at the ferry slip over a weekend", 50, 240),
)
SERVICE = ("clean the river steps", "work in the library's garden", "paint the fence of the ball field", "sort returns at the tool shed")


def court(seed: int, months: Sequence[Month]) -> Iterator[Piece]:
    """One report a month, except in August, when the court does not sit."""
    for month in months:
        if month.first.month == 8:
            continue
        dice = month.dice(seed, "court")
        heard = dice.randint(14, 61)
        dismissed = dice.randint(1, heard // 4)
        told = [_case(dice, case) for case in dice.sample(CASES, 3)]
        yield Piece(
            slug=f"court-{month.first:%Y-%m}",
            title=sentence(f"From the county court: {count(heard, 'case')} heard, {number(dismissed)} dismissed"),
            topic="Courts",
            author=author("court", month),
            at=month.at(dice.randint(20, 26), 16, dice.randrange(60)),
            access=access(dice),
            summary=sentence(f"{told[0][0]}, and what else came before the court in {month.name}."),
            paragraphs=(
                f"The Wendle County Court heard {count(heard, 'case')} in its {month.name} session and dismissed {number(dismissed)} of them.",
                " ".join(line for _, line in told),
                dice.choice(
                    (
                        "One matter was adjourned, because the only witness was on the ferry.",
                        "The next session is in the second week of the month. Its list hangs in the hall of the courthouse.",
                        f"The court collected {dollars(dice.randrange(1_200, 14_000, 10))} in fines and costs over the month.",
                    )
                ),
            ),
        )


def _case(dice: Random, case: tuple[str, str, int, int]) -> tuple[str, str]:
    who, what, least, most = case
    if not most:
        hours = dice.randrange(10, 60, 5)
        return f"{what}", sentence(f"{who} who admitted {what} is to {dice.choice(SERVICE)} for {number(hours)} hours.")
    fine = dice.randrange(least, most, 10)
    plea = dice.choice(("admitted", "was found to be responsible for", "did not contest a charge of"))
    return f"A fine of {dollars(fine)} for {what}", sentence(f"{who} {plea} {what} and was fined {dollars(fine)}.")
