"""What to watch now: who is past due, and who has given notice and when it falls."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import and_, case, func, or_, select

from kit.database import db
from payments.models import Subscription
from reports.domain.months import Month
from reports.domain.rounding import minor_units
from reports.histories import IN_FORCE, ROW, covers, pays


class Warned(NamedTuple):
    """A paying row that may end: whose, since when, until when, its MRR (1/720 minor units) and currency."""

    account_id: int
    since: datetime
    until: datetime | None
    mrr_720: int
    currency: str


@dataclass
class Group:
    """Persons, and their MRR in 1/720 minor units by currency."""

    persons: set[int] = field(default_factory=set)
    mrr_720: dict[str, int] = field(default_factory=dict)

    def add(self, row: Warned) -> None:
        """Count the row's person once, and its money."""
        self.persons.add(row.account_id)
        self.mrr_720[row.currency] = self.mrr_720.get(row.currency, 0) + row.mrr_720

    @property
    def mrr(self) -> dict[str, int]:
        """In minor units, rounded."""
        return {currency: minor_units(amount) for currency, amount in sorted(self.mrr_720.items())}


def past_due(at: datetime) -> list[Warned]:
    """Paying rows whose payment has failed and whose grace still runs."""
    since = ROW.effective_at
    query = select(ROW.account_id, since, ROW.until, ROW.mrr_720, ROW.currency).where(IN_FORCE, pays(), covers(at), ROW.state == "past_due")
    return [Warned._make(row) for row in db.session.execute(query.order_by(since))]


def under_notice(at: datetime) -> list[Warned]:
    """Paying rows that the reader has given notice on; they stay members, and in MRR, until they end."""
    query = select(ROW.account_id, ROW.notice_at, ROW.until, ROW.mrr_720, ROW.currency).where(
        IN_FORCE, pays(), covers(at), ROW.notice_at.is_not(None), ROW.notice_at <= at
    )
    return [Warned._make(row) for row in db.session.execute(query.order_by(ROW.until))]


class Committed(NamedTuple):
    """MRR of one currency in 1/720 minor units when the discounts that run out have run out, and how many persons have one now."""

    mrr_720: int
    persons: int

    @property
    def mrr(self) -> int:
        """In minor units, rounded."""
        return minor_units(self.mrr_720)


def committed(at: datetime) -> dict[str, Committed]:
    """Currency -> what MRR will be after today's finite discounts; who pays nothing until hers ends is in it, who leaves stays as she is."""
    later = func.coalesce(Subscription.committed_720, ROW.mrr_720)
    rate = case((or_(ROW.state == "ending", ROW.notice_at.is_not(None)), ROW.mrr_720), else_=later)
    free = and_(ROW.klass == "comp", ROW.state == "active", later > 0)
    query = (
        select(ROW.currency, func.sum(rate), func.count(case((rate > ROW.mrr_720, ROW.account_id)).distinct()))
        .outerjoin(Subscription, and_(ROW.source_kind == "subscription", Subscription.id == ROW.source_id))
        .where(IN_FORCE, covers(at), or_(pays(), free))
        .group_by(ROW.currency)
        .order_by(ROW.currency)
    )
    return {currency: Committed(int(amount), count) for currency, amount, count in db.session.execute(query) if currency}


def group(rows: list[Warned]) -> Group:
    """All of the rows together."""
    found = Group()
    for row in rows:
        found.add(row)
    return found


def by_month(rows: list[Warned], zone: ZoneInfo, at: datetime, months: int = 12) -> dict[Month | str, Group]:
    """The rows by the local month in which they end, earliest first; then `later` than so many months, and `undated`."""
    last = Month.of(at, zone).plus(months)
    found: dict[Month | str, Group] = {}
    for row in sorted(rows, key=lambda row: (row.until is None, row.until)):
        month = Month.of(row.until, zone) if row.until else None
        found.setdefault("undated" if month is None else month if month <= last else "later", Group()).add(row)
    return found
