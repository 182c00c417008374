"""Invented people. Names are put together at random; addresses end in .example, which nobody can own."""

from __future__ import annotations

from pathlib import Path
from random import Random

WORDS = Path(__file__).parent / "words"
FIRST, FAMILY_BEGINNINGS, FAMILY_ENDINGS = (
    tuple((WORDS / f"{name}.txt").read_text(encoding="utf-8").split()) for name in ("first-names", "family-beginnings", "family-endings")
)

MESSAGES = (
    "For the lead pipes. Keep digging.",
    "My street is on the list because of you.",
    "In memory of my mother, who read you aloud.",
    "I moved away ten years ago and still want to know who won.",
    "For the night ferry story. I am the one with the lunch pail.",
    "You spelled my name right. It is a start.",
    "Thank you for going to the meetings so that I need not.",
    "For the gauge readers.",
    "Not much this month, but here.",
    "From the Thursday crew.",
    "The soup worked.",
    "Please never put in a pop-up.",
    "My class read the bus story. They have bought stopwatches.",
    "For whoever sits through the zoning board.",
)

DOMAINS = ("ansel.example", "wendle.example", "post.example", "letters.example", "tarrow.example", "riverbank.example")


def person(dice: Random, number: int) -> tuple[str, str]:
    """(name, address); the number keeps addresses apart when names meet."""
    first = dice.choice(FIRST)
    family = dice.choice(FAMILY_BEGINNINGS) + dice.choice(FAMILY_ENDINGS)
    return f"{first} {family}", f"{first}.{family}{number}@{dice.choice(DOMAINS)}".lower()
