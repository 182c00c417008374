"""Pauses: how long, until when, and what going on needs. Pure."""

from calendar import monthrange
from datetime import datetime
from typing import Any

MONTHS = (1, 2, 3)  # what a reader may choose
BY_READER = "reader"  # ``metadata.pause``: this pause is ours, and what follows it too


def later(period_end: datetime, months: int) -> datetime:
    """So many calendar months after what is paid ends; the 31st becomes a shorter month's last day."""
    year, month = divmod(period_end.year * 12 + period_end.month - 1 + months, 12)
    return period_end.replace(year=year, month=month + 1, day=min(period_end.day, monthrange(year, month + 1)[1]))


def choices(period_end: datetime) -> list[tuple[int, datetime]]:
    """(months, until) for each pause that is offered to somebody who has paid until ``period_end``."""
    return [(months, later(period_end, months)) for months in MONTHS]


def is_readers(found: dict[str, Any]) -> bool:
    """Was the pause of this Subscription (as fetched) begun through us?"""
    return (found.get("metadata") or {}).get("pause") == BY_READER


def is_left(found: dict[str, Any]) -> bool:
    """Is an end of this Subscription (as fetched) scheduled?"""
    return bool(found.get("cancel_at") or found.get("cancel_at_period_end"))
