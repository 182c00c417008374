"""Reads membership intervals for the reports: the histories of those who moved, in one query."""

from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from operator import attrgetter

from sqlalchemy import ColumnElement, and_, or_, select

from kit.database import db
from membership.models import MembershipInterval
from reports.domain.intervals import OPEN_PAUSE, Interval, history_of

ROW = MembershipInterval
# Rows that were corrected are kept for "as it was known then"; reports of the present leave them out.
IN_FORCE = ROW.superseded_at.is_(None)
_COLUMNS = [getattr(ROW, name) for name in Interval._fields]


def moved(start: datetime, end: datetime) -> Iterator[list[Interval]]:
    """The whole history of every account for which something begins, ends or is noticed in (start, end].

    One query, streamed; whoever stood still through the whole range is never fetched. Each
    history is ordered and bounded as the rules expect it.
    """
    movers = select(ROW.account_id).where(IN_FORCE, _happens(start, end))
    query = select(*_COLUMNS).where(IN_FORCE, ROW.account_id.in_(movers)).order_by(ROW.account_id)
    yield from _by_account(query)


def covers(at: datetime) -> ColumnElement[bool]:
    """Rows in force at the instant."""
    return and_(ROW.effective_at <= at, or_(ROW.until.is_(None), ROW.until > at))


def pays() -> ColumnElement[bool]:
    """Rows that make somebody a paying member, as `Interval.pays` says it."""
    return and_(ROW.klass == "paying", ROW.mrr_720 > 0, ROW.state.in_(("active", "ending", "past_due")))


def _happens(start: datetime, end: datetime) -> ColumnElement[bool]:
    return or_(
        and_(ROW.effective_at > start, ROW.effective_at <= end),
        and_(ROW.until > start, ROW.until <= end),
        and_(ROW.notice_at >= start, ROW.notice_at <= end),
        # An open pause becomes a loss without any row saying so on that day.
        and_(ROW.state == "paused", ROW.effective_at > start - OPEN_PAUSE, ROW.effective_at <= end - OPEN_PAUSE),
    )


def _by_account(query) -> Iterator[list[Interval]]:
    rows = db.session.execute(query.execution_options(yield_per=5000))
    for _, group in groupby(rows, key=attrgetter("account_id")):
        yield history_of(map(Interval._make, group))
