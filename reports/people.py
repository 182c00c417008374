"""The people behind a number: the list that a figure of the flow links to, as long as the figure is high."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import select

from kit.database import db
from membership.models import Account
from reports import beside, histories, watch
from reports.domain.flow import Kind, Move, moves
from reports.domain.intervals import Interval
from reports.domain.months import Month, boundaries
from reports.domain.notices import latest_each, notices
from reports.domain.rounding import minor_units

_SUB_LINES: dict[str, Callable[[Move], bool]] = {
    "recovered_late": lambda move: move.recovered_late,
    "notice_while_past_due": lambda move: bool(move.loss and move.loss.while_past_due and move.kind != Kind.IN_AND_OUT),
}
KINDS = (*(kind.value for kind in Kind if kind != Kind.STAYED), *_SUB_LINES, "notice_given", *beside.KINDS, "past_due", "under_notice")
# Lists of the present, whatever month is looked at.
OF_NOW = frozenset({"past_due", "under_notice"})


class Person(NamedTuple):
    """One line of a list. MRR in minor units by currency; `at` is the last thing that happened in the month."""

    account_id: int
    email: str
    name: str
    at: datetime | None
    until: datetime | None
    cause: str | None
    mrr: dict[str, int]


def behind(kind: str, month: Month, zone: ZoneInfo, now: datetime) -> list[Person]:
    """The persons whom the figure `kind` of the month counts. Raises KeyError for a kind that is none of KINDS."""
    if kind not in KINDS:
        raise KeyError(kind)
    a, b = boundaries([month], zone, now)
    if kind == "past_due":
        found = _warned(watch.past_due(now))
    elif kind == "under_notice":
        found = _warned(watch.under_notice(now))
    elif kind in beside.KINDS:
        found = [_person(one.account_id, one.since, one.until, None, {}) for one in beside.persons(kind, b)]
    elif kind == "notice_given":
        found = _given(a, b)
    else:
        found = [person for history in histories.moved(a, b) for person in _movers(history, kind, [a, b])]
    return _named(found)


def _movers(history: Sequence[Interval], kind: str, bounds: list[datetime]) -> Iterable[Person]:
    wanted = _SUB_LINES.get(kind, lambda move: move.kind == kind)
    for move in moves(history, bounds):
        if wanted(move):
            changes = [t for row in history for t in (row.effective_at, row.until) if t and bounds[0] < t <= bounds[1]]
            money = move.before or move.after
            cause = move.loss.cause if move.loss else None
            yield _person(move.account_id, move.loss.at if move.loss else max(changes), None, cause, money)


def _given(a: datetime, b: datetime) -> list[Person]:
    found = [notice for history in histories.moved(a, b) for notice in latest_each(list(notices(history)), a, b)]
    return [_person(n.account_id, n.given_at, n.falls_at, "withdrawn" if n.withdrawn_at else None, {}) for n in found]


def _warned(rows: list[watch.Warned]) -> list[Person]:
    """One line a person: the earliest of her dates, the sum of her money."""
    each: dict[int, list[watch.Warned]] = {}
    for row in rows:
        each.setdefault(row.account_id, []).append(row)
    found = []
    for who, mine in each.items():
        until = min((row.until for row in mine if row.until), default=None)
        found.append(_person(who, min(row.since for row in mine), until, None, watch.group(mine).mrr_720))
    return found


def _person(who, at: datetime | None, until: datetime | None, cause: str | None, money: Mapping[str, int]) -> Person:
    return Person(who, "", "", at, until, cause, {currency: minor_units(amount) for currency, amount in money.items()})


def _named(found: list[Person]) -> list[Person]:
    """Put names to the ids, in one query, ordered by when it happened."""
    ids = sorted({person.account_id for person in found})
    known: dict[int, tuple[str, str]] = {}
    for n in range(0, len(ids), 5000):  # databases bound the number of parameters
        rows = db.session.execute(select(Account.id, Account.email, Account.name).where(Account.id.in_(ids[n : n + 5000])))
        known |= {who: (email, name) for who, email, name in rows}
    named = [person._replace(email=known[person.account_id][0], name=known[person.account_id][1]) for person in found]
    return sorted(named, key=lambda person: (person.at is None, person.at, person.email))
