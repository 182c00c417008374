"""Stripe's Subscription in our types: pure, and of nothing but the object as it was fetched."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from membership.domain.rates import mrr_720
from payments.domain import discounts
from payments.domain.renewals import prorates

# What ``metadata.end_cause`` may say; it knows better than Stripe's word, which is about the call and not the person.
END_CAUSES = ("reader", "payment", "staff", "fraud", "dispute", "migration", "death")
FOLLOWS_A_GIFT = "gift"  # ``metadata.trial``: Stripe's trial is only the wait until a gift's days are over
_PERIODIC = (None, "subscription", "subscription_create", "subscription_cycle")


@dataclass(frozen=True, slots=True)
class Seen:
    """A Subscription as fetched, in our types. ``amount`` in minor units of ``currency``, quantity included, without discounts.

    ``coupons``: those that lower the recurring price now; ``taken_off``: what the bill of the running period took off its
    price, one-time coupons included (0 while that bill is unknown). ``pause``: Stripe's word for a collection that is paused;
    ``pause_by``: who began it, where that was here.
    ``on_account``: she is sent a bill and has until a day to pay it; otherwise Stripe charges by itself.
    """

    id: str
    customer_id: str
    purpose: str
    status: str
    prices: tuple[dict[str, Any], ...]
    quantities: tuple[int, ...]
    coupons: tuple[dict[str, Any], ...]
    taken_off: int
    amount: int
    currency: str
    interval: str | None
    interval_count: int
    started_at: datetime
    period_start: datetime | None
    period_end: datetime | None
    trial_end: datetime | None
    follows_a_gift: bool
    ends_at: datetime | None
    canceled_at: datetime | None
    ended_at: datetime | None
    cancel_reason: str | None
    told_cause: str | None
    paused_at: datetime | None
    pause: str | None
    pause_by: str | None
    on_account: bool
    resumes_at: datetime | None
    update_expires_at: datetime | None
    invoice_status: str | None
    invoice_paid_at: datetime | None
    invoice_at: datetime | None
    invoice_reason: str | None
    bills_period: bool
    unpaid_since: datetime | None  # where it is overdue, or ended so: the oldest period that was asked for and not paid

    @property
    def price_id(self) -> str | None:
        """The first item's Price: what the mirror keeps."""
        return self.prices[0]["id"] if self.prices else None

    @property
    def quantity(self) -> int:
        """The first item's: the seats of a group."""
        return self.quantities[0] if self.quantities else 1

    @property
    def mrr_720(self) -> int:
        """The monthly rate of all items, discounts taken off, in 1/720 of a minor unit."""
        return rate(self)


def _at(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _id(value: Any) -> Any:
    return value.get("id") if isinstance(value, dict) else value


def read(found: dict[str, Any], observed_at: datetime | None = None) -> Seen:
    """Stripe's Subscription (``latest_invoice`` and the coupons of ``discounts`` inside) in our types."""
    items = found["items"]["data"]
    first = items[0]["price"] if items else {}
    recurring = first.get("recurring") or {}
    starts, ends = [item["current_period_start"] for item in items], [item["current_period_end"] for item in items]
    start, end = _at(max(starts)) if starts else None, _at(max(ends)) if ends else None
    invoice = found.get("latest_invoice")
    invoice = invoice if isinstance(invoice, dict) else {}
    metadata = found.get("metadata") or {}
    amount = sum(_amount(item) for item in items)
    paused, pending = (found.get("status_details") or {}).get("paused") or {}, found.get("pending_update") or {}
    collection = found.get("pause_collection") or {}
    told = metadata.get("end_cause")
    return Seen(
        id=found["id"],
        customer_id=_id(found["customer"]),
        purpose="contribution" if metadata.get("purpose") == "contribution" else "subscription",
        status=found["status"],
        prices=tuple(item["price"] for item in items),
        quantities=tuple(item.get("quantity") or 1 for item in items),
        coupons=tuple(discounts.running(found.get("discounts") or (), observed_at or datetime.min.replace(tzinfo=UTC))),
        taken_off=_taken_off(invoice, start, amount),
        amount=amount,
        currency=found["currency"],
        interval=recurring.get("interval"),
        interval_count=recurring.get("interval_count") or 1,
        started_at=_at(found["start_date"]) or datetime.fromtimestamp(found["created"], UTC),
        period_start=start,
        period_end=end,
        trial_end=_at(found.get("trial_end")),
        follows_a_gift=metadata.get("trial") == FOLLOWS_A_GIFT and found.get("trial_end") is not None,
        ends_at=_at(found.get("cancel_at")) or (end if found.get("cancel_at_period_end") else None),
        canceled_at=_at(found.get("canceled_at")),
        ended_at=_at(found.get("ended_at")),
        cancel_reason=(found.get("cancellation_details") or {}).get("reason"),
        told_cause=told if told in END_CAUSES else None,
        paused_at=_at(paused.get("transitioned_at")),
        pause=collection.get("behavior"),
        pause_by=(metadata.get("pause") or None) if collection else None,
        on_account=found.get("collection_method") == "send_invoice",
        resumes_at=_at(collection.get("resumes_at")),
        update_expires_at=_at(pending.get("expires_at")),
        invoice_status=invoice.get("status"),
        invoice_paid_at=_at((invoice.get("status_transitions") or {}).get("paid_at")),
        invoice_at=_at(invoice.get("created")),
        invoice_reason=invoice.get("billing_reason"),
        bills_period=_bills_period(invoice, start),
        unpaid_since=_at(found.get("unpaid_since")),
    )


@dataclass(frozen=True, slots=True)
class Coming:
    """The change that a schedule at Stripe will make: the first item's ``price_id`` from ``at`` on (both None: no change)."""

    schedule_id: str
    price_id: str | None
    at: datetime | None


def coming(found: dict[str, Any]) -> Coming | None:
    """What waits in the Subscription's ``schedule`` (expanded); None without one that still does something."""
    schedule = found.get("schedule")
    if not isinstance(schedule, dict) or schedule.get("status") not in ("active", "not_started"):
        return None
    running = (schedule.get("current_phase") or {}).get("end_date")
    later = [phase for phase in schedule.get("phases") or () if running is not None and phase["start_date"] >= running]
    if not later or not later[0]["items"]:
        return Coming(schedule["id"], None, None)
    return Coming(schedule["id"], _id(later[0]["items"][0]["price"]), _at(later[0]["start_date"]))


def rate(seen: Seen, ours: Sequence[bool] | None = None) -> int:
    """The current monthly rate of the items that are ``ours`` (all if not said), net of the discounts of the running period.

    What a reader pays for other things is not readers' revenue.
    """
    amounts = _amounts(seen)
    left = discounts.take_off(amounts, seen.coupons)
    once = seen.taken_off - (sum(amounts) - sum(left))
    return _monthly(seen, discounts.take_off(left, [{"amount_off": max(once, 0)}]), ours)


def committed(seen: Seen, ours: Sequence[bool] | None = None) -> int:
    """The monthly rate that it goes over to when every discount that runs out has done so."""
    return _monthly(seen, discounts.take_off(_amounts(seen), discounts.for_ever(seen.coupons)), ours)


def _amounts(seen: Seen) -> list[int]:
    return [(price.get("unit_amount") or 0) * many for price, many in zip(seen.prices, seen.quantities, strict=True)]


def _monthly(seen: Seen, left: list[int], ours: Sequence[bool] | None) -> int:
    total = 0
    for index, (price, amount) in enumerate(zip(seen.prices, left, strict=True)):
        recurring = price.get("recurring")
        if recurring and (ours is None or ours[index]):
            total += mrr_720(amount, 1, recurring["interval"], recurring["interval_count"])
    return total


def _bills_period(invoice: dict[str, Any], period_start: datetime | None) -> bool:
    """Is the newest invoice the one for the running period? Not if it came within it: a change of plan, or staff's own."""
    made = _at(invoice.get("created"))
    if made is None or period_start is None or invoice.get("billing_reason") in _PERIODIC:
        return True
    lines = (invoice.get("lines") or {}).get("data") or []
    if lines:  # a change that begins a period anew bills the whole of it
        return any(not prorates(line) and _at(line["period"]["start"]) == period_start for line in lines)
    return made <= period_start + timedelta(minutes=1)


def _taken_off(invoice: dict[str, Any], period_start: datetime | None, price: int) -> int:
    """What the bill for the running period took off, if it billed the present price (after a change it says nothing of this one)."""
    if not _bills_period(invoice, period_start):
        return 0
    lines = [
        line
        for line in (invoice.get("lines") or {}).get("data") or []
        if not prorates(line) and _at(line["period"]["start"]) == period_start
    ]
    if sum(line.get("amount") or 0 for line in lines) != price:
        return 0
    return sum(taken["amount"] for line in lines for taken in line.get("discount_amounts") or ())


def _amount(item: dict[str, Any]) -> int:
    return (item["price"].get("unit_amount") or 0) * (item.get("quantity") or 1)
