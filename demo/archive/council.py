"""The council desk: one meeting a month, two or three decisions, each with its vote."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

from demo.archive.piece import Month, Piece, access, author, count, dollars, number, sentence

MEMBERS = (
    "Alden Frye",
    "Bernadette Kruse",
    "Cosmo Ridley",
    "Delphine Arnaud",
    "Eben Satterlee",
    "Fidelia Oakes",
    "Gilbert Nwosu-Hart",
    "Hester Pruitt",
    "Ivor Blandine",
    "Judith Varga-Lane",
    "Lorna Tisdale",
    "Abner Sook",
    "Emmet Quill",
    "Graciela Dunmore",
)
STREETS = (
    "Potter Street",
    "Mill Street",
    "Ferry Lane",
    "Chandlers Row",
    "Bridge Street",
    "Orchard Avenue",
    "Quarry Road",
    "Tannery Steps",
    "Basin Street",
    "Station Hill",
)

# (what, words for the headline, least and greatest cost in dollars, what was said for it, what was said against it)
MATTERS = (
    (
        "resurface {street}",
        "repaving of {street}",
        38_000,
        190_000,
        "the patches have begun to need patches",
        "the storm drains ought to come first",
    ),
    (
        "replace the roof of the fire hall",
        "new roof for the fire hall",
        45_000,
        120_000,
        "the engine is parked beneath a tarpaulin",
        "a cheaper bid might yet come in",
    ),
    (
        "put new lamps along {street}",
        "lamps for {street}",
        9_000,
        42_000,
        "people cross the road to walk under the one lamp that works",
        "residents had asked for darker evenings, not brighter",
    ),
    (
        "buy a second-hand snow plow",
        "a second snow plow",
        31_000,
        88_000,
        "one plow cannot be on both sides of the river",
        "the old one had been idle for most of last winter",
    ),
    (
        "dredge the ferry slip",
        "dredging of the slip",
        52_000,
        140_000,
        "the boat has touched bottom twice this year",
        "the silt will be back in three years",
    ),
    (
        "extend the library's hours",
        "longer library hours",
        8_000,
        26_000,
        "there is a line outside at nine",
        "the same people would come at other times",
    ),
    (
        "repair the wall below {street}",
        "wall below {street}",
        24_000,
        97_000,
        "it has moved by an inch since spring",
        "the county owns half of it and should pay half",
    ),
    (
        "plant trees along {street}",
        "trees for {street}",
        4_000,
        19_000,
        "shade is cheaper than asphalt",
        "roots had lifted the sidewalk once before",
    ),
    (
        "connect the Flats pumping station to a generator",
        "generator for the pumps",
        33_000,
        86_000,
        "the power fails exactly when the pumps are needed",
        "it would run for two days in a year",
    ),
    (
        "buy new pumps for the swimming pool",
        "pumps for the pool",
        12_000,
        39_000,
        "the water was green for all of August",
        "the pool loses money in every year",
    ),
    (
        "mark a bicycle lane on {street}",
        "bicycle lane on {street}",
        6_000,
        22_000,
        "children ride there whether it is marked or not",
        "the bakery would lose four parking places",
    ),
)


def council(seed: int, months: Sequence[Month]) -> Iterator[Piece]:
    """One report a month, written the morning after."""
    for month in months:
        dice = month.dice(seed, "council")
        bench = [MEMBERS[(month.number // 48 + place) % len(MEMBERS)] for place in range(7)]
        first, *others = [_matter(dice, spec) for spec in dice.sample(MATTERS, dice.choice((2, 2, 3)))]
        yes = dice.choice((7, 6, 5, 4, 4, 3, 2))
        passed = yes >= 4
        yield Piece(
            slug=f"council-{month.first:%Y-%m}",
            title=sentence(
                f"Council {'backs' if passed else 'turns down'} {first['short']}, {yes} to {7 - yes}"
                if yes < 7
                else f"Council backs {first['short']} without a voice against"
            ),
            topic="Council",
            author=author("council", month),
            at=month.at(dice.randint(9, 17), 7, dice.randrange(60)),
            access=access(dice),
            summary=f"The vote on {dollars(first['cost'])}, and {count(len(others), 'other matter')} from the {month.name} meeting.",
            paragraphs=(_vote(dice, bench, first, yes), *_rest(dice, others), _end(dice, bench)),
        )


def _matter(dice: Random, spec: tuple) -> dict:
    what, short, least, most, pro, contra = spec
    street = dice.choice(STREETS)
    return {
        "what": what.format(street=street),
        "short": short.format(street=street),
        "cost": dice.randrange(least, most, 500),
        "pro": pro,
        "contra": contra,
    }


def _vote(dice: Random, bench: list[str], matter: dict, yes: int) -> str:
    passed = yes >= 4
    speaker, critic = dice.sample(bench, 2)
    opening = (
        f"The Town Council voted {yes} to {7 - yes} to {matter['what']}, at a cost of {dollars(matter['cost'])}."
        if passed and yes < 7
        else f"All seven members of the Town Council voted to {matter['what']}, at a cost of {dollars(matter['cost'])}."
        if passed
        else f"The Town Council declined to {matter['what']}, which would have cost {dollars(matter['cost'])}; the motion failed, {yes} to {7 - yes}."
    )
    reply = (
        f" {critic}, who voted no, answered that {matter['contra']}."
        if yes < 7
        else f" Even {critic}, who had doubts in committee, raised a hand for it."
    )
    return f"{opening} {speaker} told the meeting that {matter['pro']}.{reply}"


def _rest(dice: Random, others: list[dict]) -> tuple[str, ...]:
    fates = (
        "The members agreed to ask for bids to {what}; the clerk expects them to come to about {cost}.",
        "A proposal to {what}, for {cost}, was put off to the next meeting, since two members had not had the papers.",
        "A request to {what} was sent to the finance committee, which is to say by then where {cost} might come from.",
        "The manager reported that the plan to {what} has come in at {cost}, which is within the budget.",
    )
    picked = dice.sample(fates, len(others))
    return tuple(fate.format(what=other["what"], cost=dollars(other["cost"])) for fate, other in zip(picked, others, strict=True))


def _end(dice: Random, bench: list[str]) -> str:
    present, minutes = dice.randint(3, 58), dice.randint(48, 205)
    hours, rest = divmod(minutes, 60)
    length = (
        f"{count(hours, 'hour')} and {count(rest, 'minute')}"
        if hours and rest
        else count(hours, "hour")
        if hours
        else count(rest, "minute")
    )
    spoke = dice.randint(0, min(9, present))
    who = "nobody from the public asked to speak" if spoke == 0 else f"{number(spoke)} of them spoke"
    return f"The meeting lasted {length} and was chaired by {dice.choice(bench)}. There were {number(present)} people in the public seats; {who}."
