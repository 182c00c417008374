"""Counts members, pauses and MRR at many instants at once, in SQL.

This is the second opinion of the report: the flows are classified person by person in Python from
her own history, the stocks are counted here by the database, and the badge on the page says whether
the two agree. So nothing here may be derived from the flows, nor the flows from this.

How: each interval raises the count in the month it begins in and lowers it in the month it ends in;
the running sum is the stock at each month's end. The work is one scan, however many the months.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import accumulate

from sqlalchemy import ColumnElement, CompoundSelect, and_, case, func, literal, or_, select, union_all

from kit.database import UTCDateTime, db
from reports.buckets import ends_in
from reports.domain.intervals import OPEN_PAUSE
from reports.histories import IN_FORCE, ROW, covers, pays

NEVER = literal(datetime(9999, 1, 1, tzinfo=UTC), UTCDateTime)


@dataclass
class Stock:
    """Persons paying and paused, and MRR (1/720 minor units) by currency, at one instant."""

    members: int = 0
    paused: int = 0
    mrr: dict[str, int] = field(default_factory=dict)


def stocks(instants: Sequence[datetime]) -> list[Stock]:
    """The stock at each of the ascending instants: three queries however many there are."""
    found = [Stock() for _ in instants]
    for stock, members, paused in zip(found, _members(instants), _paused(instants), strict=True):
        stock.members, stock.paused = members, paused
    for currency, amounts in _money(instants).items():
        for stock, amount in zip(found, amounts, strict=True):
            if amount:
                stock.mrr[currency] = amount
    return found


def _members(instants: Sequence[datetime]) -> list[int]:
    # A person with two subscriptions counts once: of each interval only the part after everything
    # of hers that began earlier ("islands"). Parts that touch cancel out at the instant they share.
    until = func.coalesce(ROW.until, NEVER)
    reached = func.max(until).over(partition_by=ROW.account_id, order_by=(ROW.effective_at, ROW.id), rows=(None, -1))
    each = (
        select(ROW.effective_at.label("begins"), until.label("ends"), reached.label("reached"))
        .where(IN_FORCE, pays(), ROW.effective_at <= instants[-1])
        .subquery()
    )
    begins = case((each.c.reached > each.c.begins, each.c.reached), else_=each.c.begins)
    part = select(begins.label("begins"), each.c.ends).where(or_(each.c.reached.is_(None), each.c.ends > each.c.reached)).cte("part")
    came = select(ends_in(part.c.begins, instants).label("bucket"), literal("").label("key"), literal(1).label("amount"))
    went = select(ends_in(part.c.ends, instants), literal(""), literal(-1))
    return _running(instants, union_all(came, went)).get("", [0] * len(instants))


def _money(instants: Sequence[datetime]) -> dict[str, list[int]]:
    rows = [IN_FORCE, pays(), ROW.effective_at <= instants[-1]]
    begun = select(ends_in(ROW.effective_at, instants).label("bucket"), ROW.currency.label("key"), ROW.mrr_720.label("amount")).where(*rows)
    ended = select(ends_in(ROW.until, instants), ROW.currency, -ROW.mrr_720).where(*rows, ROW.until.is_not(None))
    return _running(instants, union_all(begun, ended))


def _paused(instants: Sequence[datetime]) -> list[int]:
    # Few people ever pause, so each instant may be asked for by itself; 2 stands for paying, 1 for paused.
    ever = select(ROW.account_id).where(IN_FORCE, ROW.state == "paused")
    standing = [func.max(case((and_(covers(at), pays()), 2), (pausing(at), 1), else_=0)).label(f"at_{n}") for n, at in enumerate(instants)]
    each = select(ROW.account_id, *standing).where(IN_FORCE, ROW.account_id.in_(ever)).group_by(ROW.account_id).subquery()
    return list(db.session.execute(select(*(func.count(case((each.c[column.name] == 1, 1))) for column in standing))).one())


def pausing(at: datetime) -> ColumnElement[bool]:
    """Paused at the instant; a pause whose end nobody named in advance lasts 90 days (see `bounded`)."""
    named = and_(ROW.until.is_not(None), ROW.until_recorded_at < ROW.until)
    return and_(ROW.klass == "paying", ROW.state == "paused", covers(at), or_(named, ROW.effective_at > at - OPEN_PAUSE))


def _running(instants: Sequence[datetime], changes: CompoundSelect) -> dict[str, list[int]]:
    """The running sum of (bucket, key, amount) for each key."""
    change = changes.subquery()
    sums = select(change.c.bucket, change.c.key, func.sum(change.c.amount)).group_by(change.c.bucket, change.c.key)
    steps: dict[str, list[int]] = {}
    for bucket, key, amount in db.session.execute(sums):
        series = steps.setdefault(key, [0] * len(instants))
        if bucket < len(instants):
            series[bucket] += int(amount)
    return {key: list(accumulate(series)) for key, series in steps.items()}
