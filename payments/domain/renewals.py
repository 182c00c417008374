"""Where an unpaid stretch of a Subscription began: pure, and of its bills as Stripe lists them."""

from collections.abc import Iterable
from typing import Any


def prorates(line: dict[str, Any]) -> bool:
    """Is a line of an invoice about a part of a period (a change within it), and not about a period itself?"""
    parent = line.get("parent") or {}
    details = parent.get("subscription_item_details") or parent.get("invoice_item_details") or {}
    return bool(details.get("proration", True))


def begins(bill: dict[str, Any]) -> int | None:
    """When the period begins that an invoice bills (unix seconds); None if it bills none: a change within one, staff's own.

    What staff adds to a renewal (an invoice item) has a date of its own, and it is not the period's.
    """
    lines = (bill.get("lines") or {}).get("data") or []
    return min((line["period"]["start"] for line in lines if _of_item(line) and not prorates(line)), default=None)


def _of_item(line: dict[str, Any]) -> bool:
    return bool((line.get("parent") or {}).get("subscription_item_details"))


def unpaid_since(bills: Iterable[dict[str, Any]]) -> int | None:
    """When the oldest period begins that was asked for and not paid since the newest that somebody paid (unix seconds).

    ``bills`` come newest first and are read as far as that one. Stripe makes a new period, and a bill for it, while the last
    one is overdue: the running period alone does not say since when nothing is paid. What was never asked for (a draft, a
    bill of paused time) or was taken back (void) is no debt of hers. None when the newest bill of a period is paid.
    """
    since = None
    for bill in bills:
        period = begins(bill)
        if period is None:
            continue
        if bill["status"] == "paid":
            break
        if bill["status"] == "open" or (bill["status"] == "uncollectible" and bill.get("attempted")):
            since = period
    return since
