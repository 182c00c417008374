"""How a rule refuses: named problems, each at its field, in words that the door translates."""

from collections.abc import Mapping
from dataclasses import dataclass


def mark(text: str) -> str:
    """Mark a string for translation where it is written; the door translates it when it is shown."""
    return text


@dataclass(frozen=True)
class Problem:
    """``text`` is a gettext message with %(name)s places, ``values`` what stands there, ``line`` of the source, from 1."""

    text: str
    values: tuple[tuple[str, object], ...] = ()
    line: int | None = None

    def __str__(self) -> str:
        return self.text % dict(self.values) if self.values else self.text


class Refused(ValueError):
    """What was offered cannot be taken; ``problems`` maps each field to what is wrong with it."""

    def __init__(self, problems: Mapping[str, Problem]) -> None:
        super().__init__("; ".join(f"{field}: {problem}" for field, problem in problems.items()))
        self.problems = dict(problems)
