"""Notice given: the leading indicator. A reader who cancels today reads, and pays, until her period ends.

A person counts once a month, by her latest notice in it. It is dated by when it was given, with the
month in which her access will end; taken back means that the same membership went on without it.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

from reports.domain.intervals import REPLACED, Interval


class Notice(NamedTuple):
    """One notice: who, when given, when it falls (None: not dated), and when it was taken back, if it was."""

    account_id: object
    given_at: datetime
    falls_at: datetime | None
    withdrawn_at: datetime | None


def notices(history: Sequence[Interval]) -> Iterator[Notice]:
    """Every notice a person ever gave on a paying membership; one a source and instant."""
    given = [(row.source, row.notice_at, row) for row in history if row.notice_at is not None and row.klass == "paying"]
    given.sort(key=lambda each: (str(each[0]), each[1], each[2].effective_at))
    for (_, given_at), group in groupby(given, key=lambda each: each[:2]):
        *_, last = list(group)[-1]
        withdrawn = _withdrawn_at(last, history)
        yield Notice(last.account_id, given_at, None if withdrawn else last.until, withdrawn)


def _withdrawn_at(last: Interval, history: Sequence[Interval]) -> datetime | None:
    if last.end_cause != REPLACED:
        return None
    going_on = any(
        row.source == last.source and row.effective_at == last.until and row.notice_at is None and (row.pays or row.paused)
        for row in history
    )
    return last.until if going_on else None


def latest_each(found: list[Notice], a: datetime, b: datetime) -> list[Notice]:
    """Those given in [a, b), one a person: her latest."""
    latest: dict[object, Notice] = {}
    for notice in sorted(found, key=lambda notice: notice.given_at):
        if a <= notice.given_at < b:
            latest[notice.account_id] = notice
    return list(latest.values())
