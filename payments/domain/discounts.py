"""What a coupon takes off a recurring price, as Stripe rounds it. What a reader pays is Stripe's; this is for MRR alone.

reports.md §3: the current rate is net of every discount, for ever, for some months or for one bill; the committed rate is
what it will be when those that run out have run out, net of those for ever alone. A coupon for one bill leaves the
Subscription with that bill, so what it takes off the running period is read from the bill (``reading.rate``).
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

_LASTING = ("forever", "repeating")


def running(discounts: Iterable[Any], at: datetime) -> list[dict[str, Any]]:
    """The coupons that lower the recurring price at this instant. A discount or coupon that came as a bare id is unknown: left out.

    One for a single bill is left out too: while it is here, it waits for the next bill, and the running period was paid without it.
    """
    found = []
    for discount in discounts:
        coupon = (discount.get("source") or {}).get("coupon") if isinstance(discount, dict) else None
        if not isinstance(coupon, dict) or coupon.get("duration") not in _LASTING:
            continue
        end = discount.get("end")
        if end is None or datetime.fromtimestamp(end, UTC) > at:
            found.append(coupon)
    return found


def for_ever(coupons: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that never run out: what the committed rate is net of."""
    return [coupon for coupon in coupons if coupon.get("duration") == "forever"]


def take_off(amounts: list[int], coupons: Iterable[dict[str, Any]]) -> list[int]:
    """What is left of each item's amount (minor units a period) after these coupons, one after the other."""
    left = list(amounts)
    for coupon in coupons:
        percent, off = coupon.get("percent_off"), coupon.get("amount_off") or 0
        if percent is not None:
            # Per cent with two decimals at most: hundredths keep it an integer. Stripe rounds the discount half up.
            hundredths = round(percent * 100)
            left = [amount - min(amount, (amount * hundredths + 5000) // 10000) for amount in left]
            continue
        for index, amount in enumerate(left):
            taken = min(amount, off)
            left[index], off = amount - taken, off - taken
    return left
