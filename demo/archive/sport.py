"""The sports desk: the Ferrymen's league matches. The goals are dealt first; score, scorers and headline follow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

from demo.archive.piece import Month, Piece, access, author, count, number, sentence

RIVALS = (
    "Stoke Landing",
    "Port Callan Reserves",
    "Quarry Bend",
    "Upper Tarrow",
    "Dunmarrow",
    "Kettle Falls",
    "Millrace Athletic",
    "Saltmarsh",
    "Eastbank Rovers",
    "Fort Wendle",
)
FAMILY = (
    "Adair",
    "Burr",
    "Castellan",
    "Dray",
    "Ekwueme",
    "Fenn",
    "Garrity",
    "Holloway",
    "Imrie",
    "Jessup",
    "Kask",
    "Lunt",
    "Moriarty",
    "Novak",
    "Osei",
    "Pell",
    "Quist",
    "Rook",
    "Strand",
    "Tallow",
    "Voss",
    "Whelk",
    "Yates",
)
HOW = (
    "with a header from a corner",
    "from the edge of the area",
    "after a rebound off the post",
    "from close in",
    "with a free kick that went under the wall",
    "at the end of a run from the halfway line",
    "from the penalty spot",
)
ANY_WEATHER = ("in steady rain", "in bright sun", "in a wind that took every high ball with it", "on a heavy field", "under the lights")
COLD, WARM = ("in a thin fog", "on a frozen pitch", "in sleet"), ("on a warm evening", "in great heat", "with thunder over the hills")
SEASON = (3, 4, 5, 8, 9, 10, 11)


def sport(seed: int, months: Sequence[Month]) -> Iterator[Piece]:
    """Two matches a month in the season."""
    for month in months:
        if month.first.month in SEASON:
            dice = month.dice(seed, "sport")
            rivals = dice.sample(RIVALS, 2)
            for round_, rival in enumerate(rivals):
                yield _match(month, dice, rival, 6 + round_ * 14)


def _match(month: Month, dice: Random, rival: str, day: int) -> Piece:
    ours, theirs = (dice.choices(range(5), (24, 33, 25, 12, 6))[0] for _ in range(2))
    squad = [FAMILY[(month.number // 30 + place * 2) % len(FAMILY)] for place in range(9)]
    goals = sorted((dice.randint(2, 90), side) for side, goals in ((0, ours), (1, theirs)) for _ in range(goals))
    home = dice.random() < 0.5
    crowd = dice.randint(140, 980)
    return Piece(
        slug=f"ferrymen-{month.first:%Y-%m}-{rival.lower().replace(' ', '-')}",
        title=_title(dice, rival, ours, theirs),
        topic="Sport",
        author=author("sport", month),
        at=month.at(day, 21, dice.randrange(60)),
        access=access(dice),
        summary=sentence(
            f"{'at home' if home else 'away'} to {rival}: {ours} to {theirs}." if home else f"away at {rival}: {ours} to {theirs}."
        ),
        paragraphs=(
            _opening(dice, rival, ours, theirs, home, month.first.month in (3, 11)),
            _goals(dice, goals, squad, rival),
            _closing(dice, squad, crowd, home, rival),
        ),
    )


def _title(dice: Random, rival: str, ours: int, theirs: int) -> str:
    if ours == theirs:
        return f"Ferrymen and {rival} share {number(ours + theirs)} goals" if ours else f"No goals between Ferrymen and {rival}"
    best, least = max(ours, theirs), min(ours, theirs)
    if ours > theirs:
        return f"Ferrymen {dice.choice(('beat', 'see off', 'get past'))} {rival}, {best} to {least}"
    return f"{rival} {dice.choice(('beat', 'too quick for', 'too much for'))} Ferrymen, {best} to {least}"


def _opening(dice: Random, rival: str, ours: int, theirs: int, home: bool, cold: bool) -> str:
    where = "at Bell Field" if home else "on the road"
    weather = dice.choice(ANY_WEATHER + (COLD if cold else WARM))
    if ours == theirs:
        return f"The Ferrymen drew {ours} to {theirs} with {rival} {where}, {weather}, and neither side could complain."
    verb = ("won" if ours - theirs < 3 else "won easily") if ours > theirs else ("lost" if theirs - ours < 3 else "were beaten soundly")
    return f"The Ferrymen {verb} {where}, {weather}, by {max(ours, theirs)} to {min(ours, theirs)} against {rival}."


def _goals(dice: Random, goals: list[tuple[int, int]], squad: list[str], rival: str) -> str:
    if not goals:
        return f"Neither goalkeeper had much to do; the nearest thing to a goal was a shot by {dice.choice(squad)} that shook the crossbar and went out for a throw."
    told, score = [], [0, 0]
    for minute, side in goals:
        score[side] += 1
        state = f"{score[0]} to {score[1]}"
        if side == 0:
            told.append(f"{dice.choice(squad)} scored {dice.choice(HOW)} in the {_minute(minute)}: {state}.")
        else:
            told.append(f"{rival} scored {dice.choice(HOW[:6])} in the {_minute(minute)}, which made it {state} from the Ferrymen's side.")
    return " ".join(told)


def _minute(minute: int) -> str:
    ending = "th" if 10 <= minute % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(minute % 10, "th")
    return f"{minute}{ending} minute"


def _closing(dice: Random, squad: list[str], crowd: int, home: bool, rival: str) -> str:
    ending = dice.choice(
        (
            f"{dice.choice(squad)} was booked for remarks about the flag.",
            f"{dice.choice(squad)} came off with a cramp and was applauded by both ends.",
            f"The second half began {number(dice.randint(4, 12))} minutes late, because of a dog.",
            "Nobody was booked.",
            f"There were {count(dice.randint(2, 9), 'corner')} in the last quarter of an hour and nothing came of any of them.",
        )
    )
    return (
        f"{crowd:,} people {'came' if home else f'were there, about {crowd // 5 // 10 * 10} of them from this side of the river'}. {ending}"
    )
