"""When a change of plan takes effect, and when none is possible. Pure.

Up is now, prorated: she pays the difference and has it at once. Down, and from the longer interval to the shorter, is
at the period's end: what is paid is kept. During a trial any change is now and costs nothing.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from payments.domain.ledger import id_of

When = Literal["now", "period_end", "free"]
_PAID = "paid_quantity"
MADE_BY = {"made_by": "a reader's choice"}  # a schedule's metadata
_LENGTH = {"day": 0, "week": 1, "month": 2, "year": 3}


@dataclass(frozen=True, slots=True)
class Terms:
    """What is charged each ``interval`` (day, week, month, year): minor units."""

    interval: str
    amount: int


class NotNow(Exception):
    """No change is possible in this state; ``reason``: none, ending, unpaid, paused, pending, several, same, trial, too-soon."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def when(present: Terms, wanted: Terms, *, trial: bool = False) -> When:
    """The instant at which a change from ``present`` to ``wanted`` takes effect."""
    if trial:
        return "free"
    before, after = _LENGTH[present.interval], _LENGTH[wanted.interval]
    if before != after:
        return "now" if after > before else "period_end"
    return "now" if wanted.amount > present.amount else "period_end"


def check(found: dict[str, Any] | None) -> dict[str, Any]:
    """The one item of a Subscription that can be changed now. Raises NotNow."""
    if found is None or found["status"] not in ("active", "trialing", "past_due", "unpaid", "paused"):
        raise NotNow("none")
    if found.get("cancel_at") or found.get("cancel_at_period_end"):
        raise NotNow("ending")
    if found["status"] in ("past_due", "unpaid"):
        raise NotNow("unpaid")
    if found["status"] == "paused" or found.get("pause_collection"):
        raise NotNow("paused")
    if found.get("pending_update"):
        raise NotNow("pending")
    items = found["items"]["data"]
    if len(items) != 1:
        raise NotNow("several")
    return items[0]


def swapped(item: dict[str, Any], *, price_id: str | None = None, quantity: int | None = None) -> list[dict[str, Any]]:
    """``items`` for Stripe with another Price or quantity on this item."""
    return [{"id": item["id"], "price": price_id or item["price"]["id"], "quantity": quantity or item.get("quantity") or 1}]


def paid_quantity(found: dict[str, Any], item: dict[str, Any]) -> int:
    """So many are paid for the running period: as many as there are, or more, where it was made fewer within it."""
    present, mark = item.get("quantity") or 1, (found.get("metadata") or {}).get(_PAID) or ""
    quantity, _, period = mark.partition(" ")
    return max(present, int(quantity)) if period == _period(item) and quantity.isdecimal() else present


def remembered(quantity: int, item: dict[str, Any]) -> dict[str, str]:
    """Metadata that keeps at Stripe how many were paid for this period at this Price; another period's or Price's says nothing."""
    return {_PAID: f"{quantity} {_period(item)}"}


def _period(item: dict[str, Any]) -> str:
    return f"{item['price']['id']} {item['current_period_start']}"


def phases(found: dict[str, Any], item: dict[str, Any], price_id: str, interval: str) -> list[dict[str, Any]]:
    """Two phases for a schedule: the running period as it is, then one of the new Price. Discounts go on through both."""
    quantity, shared = item.get("quantity") or 1, _shared(found)
    return [
        {
            "items": [{"price": item["price"]["id"], "quantity": quantity}],
            "start_date": item["current_period_start"],
            "end_date": item["current_period_end"],
            **shared,
        },
        {"items": [{"price": price_id, "quantity": quantity}], "duration": {"interval": interval, "interval_count": 1}, **shared},
    ]


def outgrown(found: dict[str, Any]) -> bool:
    """Is a change of plan that we made waiting (in an expanded schedule) for another quantity than there is now, with nothing
    unpaid in between? One that staff made at Stripe may mean another quantity."""
    schedule, items = found.get("schedule"), found["items"]["data"]
    if not isinstance(schedule, dict) or schedule.get("status") != "active" or not schedule.get("current_phase"):
        return False
    if (schedule.get("metadata") or {}).get("made_by") != MADE_BY["made_by"] or found.get("pending_update") or len(items) != 1:
        return False
    running = schedule["current_phase"]["start_date"]
    later = [phase for phase in schedule.get("phases") or () if phase["start_date"] > running]
    return any(phase["items"][0].get("quantity") != items[0].get("quantity") for phase in later if phase["items"])


def resized(found: dict[str, Any]) -> list[dict[str, Any]]:
    """The running and later phases of the Subscription's own schedule (expanded), for as many as it has now."""
    schedule, quantity = found["schedule"], found["items"]["data"][0].get("quantity") or 1
    running = schedule["current_phase"]["start_date"]
    return [
        {
            "items": [{"price": id_of(phase["items"][0]["price"]), "quantity": quantity}],
            "start_date": phase["start_date"],
            "end_date": phase["end_date"],
            **_shared(found),
        }
        for phase in schedule["phases"]
        if phase["start_date"] >= running
    ]


def _shared(found: dict[str, Any]) -> dict[str, Any]:
    discounts = [{"discount": one["id"] if isinstance(one, dict) else one} for one in found.get("discounts") or ()]
    return {"proration_behavior": "none", "discounts": discounts or ""}


def sane_date(typed: str, now: datetime, period_start: int) -> int | None:
    """The instant (seconds since 1970) as of which a shown sum was reckoned, if it is of the last hour and this period."""
    if not (typed.isascii() and typed.isdigit() and len(typed) <= 12):
        return None
    stamp = int(typed)
    return stamp if max(now.timestamp() - 3600, period_start) <= stamp <= now.timestamp() else None
