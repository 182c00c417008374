"""Which month an instant falls in, asked of the database: one expression, however many months."""

from collections.abc import Callable, Sequence
from datetime import datetime
from operator import le, lt
from typing import Any

from sqlalchemy import ColumnElement, Integer, case, literal

Instant = Any  # a column, or an expression of one
Test = Callable[[Instant, datetime], ColumnElement[bool]]


def ends_in(when: Instant, instants: Sequence[datetime]) -> ColumnElement[int]:
    """Index of the first instant at or after `when`: a change of state counts at the boundary it reaches."""
    return _index(when, instants, le, 0)


def lies_in(when: Instant, instants: Sequence[datetime]) -> ColumnElement[int]:
    """Index of the half-open [instants[i], instants[i+1]) that holds `when`; -1 before, the last beyond."""
    return _index(when, instants, lt, 0) - 1


def _index(when: Instant, instants: Sequence[datetime], test: Test, first: int) -> ColumnElement[int]:
    # By halving: a chain of CASEs would compare each row with every month.
    if not instants:
        return literal(first, Integer)
    middle = len(instants) // 2
    return case(
        (test(when, instants[middle]), _index(when, instants[:middle], test, first)),
        else_=_index(when, instants[middle + 1 :], test, first + middle + 1),
    )
