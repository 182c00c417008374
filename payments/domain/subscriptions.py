"""From Stripe's Subscription to our snapshot: pure, and of nothing but the object as it was fetched.

What is subtle here, once: periods are on the items; the period rolls on even when nobody paid for it; an end is
scheduled by ``cancel_at`` or by ``cancel_at_period_end``; a collection that is paused leaves the status at ``active``.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from membership.domain.rates import mrr_720
from membership.domain.standing import Snapshot

# Stripe's word for why a Subscription ended, and ours for whose doing it was (reports.md §2).
_CAUSES = {"cancellation_requested": "reader", "payment_failed": "payment", "payment_disputed": "dispute"}
_UNPAID_INVOICE = ("void", "uncollectible")
_PERIODIC = (None, "subscription", "subscription_create", "subscription_cycle")


@dataclass(frozen=True, slots=True)
class Seen:
    """A Subscription as fetched, in our types; ``amount`` in minor units of ``currency``, quantity included."""

    id: str
    customer_id: str
    purpose: str
    status: str
    prices: tuple[dict[str, Any], ...]
    amount: int
    currency: str
    interval: str | None
    interval_count: int
    mrr_720: int
    started_at: datetime
    period_start: datetime | None
    period_end: datetime | None
    trial_end: datetime | None
    ends_at: datetime | None
    canceled_at: datetime | None
    ended_at: datetime | None
    cancel_reason: str | None
    paused_at: datetime | None
    invoice_status: str | None
    invoice_paid_at: datetime | None
    invoice_at: datetime | None
    bills_period: bool

    @property
    def price_id(self) -> str | None:
        """The first item's Price: what the mirror keeps."""
        return self.prices[0]["id"] if self.prices else None


@dataclass(frozen=True, slots=True)
class Known:
    """What our mirror said before this look: enough to tell that a change has no time of its own at Stripe."""

    price_id: str | None
    amount: int
    ends_at: datetime | None


def _at(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _id(value: Any) -> Any:
    return value.get("id") if isinstance(value, dict) else value


def read(found: dict[str, Any]) -> Seen:
    """Stripe's Subscription (with ``latest_invoice`` inside) in our types."""
    items = found["items"]["data"]
    first = items[0]["price"] if items else {}
    recurring = first.get("recurring") or {}
    starts, ends = [item["current_period_start"] for item in items], [item["current_period_end"] for item in items]
    end = _at(max(ends)) if ends else None
    invoice = found.get("latest_invoice")
    invoice = invoice if isinstance(invoice, dict) else {}
    start = _at(max(starts)) if starts else None
    details = found.get("cancellation_details") or {}
    paused = (found.get("status_details") or {}).get("paused") or {}
    return Seen(
        id=found["id"],
        customer_id=_id(found["customer"]),
        purpose="contribution" if (found.get("metadata") or {}).get("purpose") == "contribution" else "subscription",
        status=found["status"],
        prices=tuple(item["price"] for item in items),
        amount=sum(_amount(item) for item in items),
        currency=found["currency"],
        interval=recurring.get("interval"),
        interval_count=recurring.get("interval_count") or 1,
        mrr_720=sum(_rate(item) for item in items),
        started_at=_at(found["start_date"]) or datetime.fromtimestamp(found["created"], UTC),
        period_start=start,
        period_end=end,
        trial_end=_at(found.get("trial_end")),
        ends_at=_at(found.get("cancel_at")) or (end if found.get("cancel_at_period_end") else None),
        canceled_at=_at(found.get("canceled_at")),
        ended_at=_at(found.get("ended_at")),
        cancel_reason=details.get("reason"),
        paused_at=_at(paused.get("transitioned_at")),
        invoice_status=invoice.get("status"),
        invoice_paid_at=_at((invoice.get("status_transitions") or {}).get("paid_at")),
        invoice_at=_at(invoice.get("created")),
        bills_period=_bills_period(invoice, start),
    )


def _bills_period(invoice: dict[str, Any], period_start: datetime | None) -> bool:
    """Is the newest invoice the one for the running period? Not if it came within it: a change of plan, or staff's own."""
    made = _at(invoice.get("created"))
    if made is None or period_start is None or invoice.get("billing_reason") in _PERIODIC:
        return True
    return made <= period_start + timedelta(minutes=1)  # a change that begins a period anew bills it


def _amount(item: dict[str, Any]) -> int:
    return (item["price"].get("unit_amount") or 0) * (item.get("quantity") or 1)


def _rate(item: dict[str, Any]) -> int:
    recurring = item["price"].get("recurring") or {}
    return mrr_720(item["price"].get("unit_amount") or 0, item.get("quantity") or 1, recurring["interval"], recurring["interval_count"])


def paid_until(seen: Seen) -> datetime | None:
    """The end of the last period that somebody paid for (or that a trial gives).

    Stripe rolls the period on when the renewal's invoice is made, so for past_due and unpaid, and where the running
    period's invoice was voided, what is paid ended where the running period began. An unpaid bill for a change of plan
    takes away nothing of a period that was paid before.
    """
    if seen.bills_period and (seen.status in ("past_due", "unpaid") or seen.invoice_status in _UNPAID_INVOICE):
        return seen.period_start
    return seen.period_end


def status(seen: Seen) -> str:
    """Stripe's status; ``paused`` too where collection is paused and the running period was not paid."""
    unpaid = seen.bills_period and seen.invoice_status in _UNPAID_INVOICE
    return "paused" if seen.status == "active" and unpaid else seen.status


def changed_at(seen: Seen, known: Known | None, observed_at: datetime) -> datetime:
    """When the present facts came into force, by the object's own times wherever it has one.

    So it does not matter which event brought us here, or how late. Stripe keeps no time for a changed price or for a
    withdrawn cancellation: those are dated when we saw them.
    """
    if seen.ended_at is not None:
        return seen.ended_at
    if seen.ends_at is not None and seen.canceled_at is not None:
        return seen.canceled_at
    word = status(seen)
    if word == "paused":
        return seen.paused_at or seen.period_start or seen.started_at
    if word == "past_due":
        return (seen.period_start if seen.bills_period else seen.invoice_at) or seen.started_at
    if word == "unpaid" or (known is not None and _silent_change(seen, known)):
        return observed_at
    began = [seen.started_at]
    if seen.status == "active":
        began += [seen.trial_end] if seen.trial_end and seen.trial_end <= observed_at else []
        began += [seen.invoice_paid_at] if seen.invoice_paid_at else []
    return max(began)


def _silent_change(seen: Seen, known: Known) -> bool:
    withdrawn = known.ends_at is not None and seen.ends_at is None
    return withdrawn or (known.price_id, known.amount) != (seen.price_id, seen.amount)


def end_cause(seen: Seen) -> str | None:
    """Whose doing the end was or will be: reader, payment, dispute, staff; None while it goes on.

    An ``unpaid`` one (Stripe was told to leave it so after its last try) is lost by payment, though it never ends.
    """
    if seen.status == "unpaid":
        return "payment"
    if seen.ended_at is None and seen.ends_at is None:
        return None
    return _CAUSES.get(seen.cancel_reason or "", "reader" if seen.ends_at is not None else "staff")


def snapshot(seen: Seen, plan_key: str | None, known: Known | None, observed_at: datetime) -> Snapshot:
    """What membership needs to know. ``observed_at`` is the instant just before the fetch."""
    found = Snapshot(
        kind="subscription",
        source_id=seen.id,
        status=status(seen),
        started_at=seen.started_at,
        observed_at=observed_at,
        paid_until=paid_until(seen),
        ends_at=seen.ends_at,
        ended_at=seen.ended_at,
        changed_at=changed_at(seen, known, observed_at),
        notice_at=seen.canceled_at if seen.cancel_reason == "cancellation_requested" or seen.ends_at else None,
        plan_key=plan_key,
        price_interval=seen.interval,
        mrr_720=seen.mrr_720,
        currency=seen.currency,
        end_cause=end_cause(seen),
    )
    if plan_key is not None:
        return found
    # A Price that is none of ours (another product on the same Stripe account) lets nobody read and is no revenue of readers.
    return replace(
        found,
        status="unpaid" if found.ended_at is None else found.status,
        paid_until=None,
        mrr_720=0,
        changed_at=found.ended_at or observed_at,
        end_cause=found.end_cause if found.ended_at else None,
    )
