"""What to watch now: who is past due, and who has given notice and when it falls."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import select

from kit.database import db
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
