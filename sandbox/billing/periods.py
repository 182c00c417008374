"""Billing periods: months that keep the anchor's day, in UTC as Stripe counts."""

import calendar
import datetime as dt


def add(start: int, interval: str, count: int, anchor: int | None = None) -> int:
    """The end of a period of `count` intervals from `start` (unix seconds).

    Months and years keep the day of `anchor` (default: of start) where the month has it:
    31 January, 28 February, 31 March.
    """
    if interval in ("day", "week"):
        return start + count * (86400 if interval == "day" else 7 * 86400)
    begin = dt.datetime.fromtimestamp(start, dt.UTC)
    day = dt.datetime.fromtimestamp(anchor, dt.UTC).day if anchor else begin.day
    months = begin.year * 12 + begin.month - 1 + count * (12 if interval == "year" else 1)
    year, month = divmod(months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return int(begin.replace(year=year, month=month + 1, day=min(day, last)).timestamp())


def end_of(price: dict, start: int, anchor: int | None = None) -> int:
    recurring = price["recurring"]
    return add(start, recurring["interval"], recurring["interval_count"], anchor)
