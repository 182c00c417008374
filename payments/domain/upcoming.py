"""What the next payment of a Subscription will take, discounts taken off, and until when a discount lowers it."""

from datetime import UTC, datetime
from typing import Any

from payments.domain import discounts


def next_payment(found: dict[str, Any], waiting: int | None = None) -> tuple[int, datetime | None]:
    """(minor units of the next payment as it stands, the end of the first discount that runs out after it; None: none does).

    ``found`` as fetched, the coupons of its discounts inside. A coupon for one invoice counts: that invoice is the next.
    ``waiting``: what a plan that begins with that payment costs without discounts; they go on through the change.
    """
    items = found["items"]["data"]
    amounts = [(item["price"].get("unit_amount") or 0) * (item.get("quantity") or 1) for item in items] if waiting is None else [waiting]
    due = max((item["current_period_end"] for item in items), default=0)
    coupons, ends = [], []
    for discount in found.get("discounts") or ():
        coupon = (discount.get("source") or {}).get("coupon") if isinstance(discount, dict) else None
        if not isinstance(coupon, dict):
            continue
        end = discount.get("end")
        if end is not None and end <= due:
            continue
        coupons.append(coupon)
        if end is not None:
            ends.append(end)
    left = sum(discounts.take_off(amounts, coupons))
    return left, datetime.fromtimestamp(min(ends), UTC) if ends else None
