"""Calendar arithmetic as billing does it: months are added to the anchor and clamped to the month's last day."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

MONTHS = {"month": 1, "year": 12}


def add_months(at: datetime, months: int) -> datetime:
    """31 January + 1 month is 28 or 29 February; always add to the anchor, or the clamp would stick."""
    index = at.year * 12 + at.month - 1 + months
    year, month = divmod(index, 12)
    return at.replace(year=year, month=month + 1, day=min(at.day, monthrange(year, month + 1)[1]))


def period(anchor: datetime, interval: str, number: int) -> datetime:
    """The beginning of billing period ``number`` (from 0) of a subscription anchored at ``anchor``."""
    return add_months(anchor, MONTHS[interval] * number)


def month_start(at: datetime, zone: ZoneInfo) -> datetime:
    """The first instant of the local month that ``at`` lies in, in UTC."""
    local = at.astimezone(zone)
    return datetime(local.year, local.month, 1, tzinfo=zone).astimezone(UTC)


def whole_months(since: datetime, at: datetime) -> int:
    """Completed anniversary months between two instants."""
    months = (at.year - since.year) * 12 + at.month - since.month
    return months if add_months(since, months) <= at else months - 1
