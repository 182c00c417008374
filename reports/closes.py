"""Monthly closes: the figures of a month, written down once, so that what arrives later can be told apart.

A month is closed from the fifth day of the next one on, when the stragglers among Stripe's facts have
arrived. Closing again never overwrites: it names what has changed since, which is the month's restatement.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from kit.database import db
from reports import dwindling, tables
from reports.domain.months import Month, first_instant
from reports.models import MonthlyClose

CLOSING_DAY = 5


class CannotClose(ValueError):
    """The month is not over long enough, or its identities do not hold; the message says which."""


@dataclass
class Closed:
    """What closing did: the row, whether it is new, and what has changed since it was written (figure -> then, now)."""

    row: MonthlyClose
    new: bool
    restated: dict[str, tuple[Any, Any]]


def close(month: Month, zone: ZoneInfo, now: datetime) -> Closed:
    """Write the month's figures down, or compare them with what was written. Raises CannotClose."""
    following = month.plus(1)
    earliest = first_instant(date(following.year, following.month, CLOSING_DAY), zone)
    if now < earliest:
        raise CannotClose(f"{month} can be closed from {earliest.astimezone(zone):%Y-%m-%d} on ({zone})")
    report = dwindling.read(month, month, zone, now)
    if report.differences:
        raise CannotClose(f"{month} does not add up: {report.differences[month]}")
    figures = figures_of(report)
    row = db.session.get(MonthlyClose, str(month))
    if row is not None:
        return Closed(row, False, changed(row.figures, figures))
    row = MonthlyClose(month=str(month), zone=str(zone), closed_at=now, figures=figures)
    db.session.add(row)
    db.session.flush()
    return Closed(row, True, {})


def figures_of(report: dwindling.Report) -> dict[str, Any]:
    """Every figure of a one-month report by a flat name: `members.opening`, `mrr.usd.mrr_new` ..."""
    flat: dict[str, Any] = {}
    for name in tables.NAMES:
        for row in tables.build(name, report).rows:
            stem = ".".join(filter(None, (name, row.get("currency"))))
            flat |= {f"{stem}.{figure}": value for figure, value in row.items() if figure not in ("month", "currency")}
    return flat


def changed(then: dict[str, Any], now: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Figures that differ, with both values; a goal is a wish and no fact, so it restates nothing."""
    names = {name for name in then.keys() | now.keys() if not name.endswith(".goal")}
    return {name: (then.get(name), now.get(name)) for name in sorted(names) if then.get(name) != now.get(name)}


def closed_months(first: Month, last: Month) -> dict[Month, datetime]:
    """Which months of the range are closed, and when they were."""
    query = select(MonthlyClose.month, MonthlyClose.closed_at).where(MonthlyClose.month.between(str(first), str(last)))
    return {Month.parse(month): at for month, at in db.session.execute(query)}
