"""Coupons, promotion codes and the discounts they become."""

from sandbox.billing import periods
from sandbox.errors import StripeError


def check_coupon(world, coupon: dict, param: str) -> dict:
    """Raises StripeError when the coupon is used up or too old."""
    over = coupon["max_redemptions"] and coupon["times_redeemed"] >= coupon["max_redemptions"]
    late = coupon["redeem_by"] and coupon["redeem_by"] < world.now()
    if over or late or not coupon["valid"]:
        raise StripeError.invalid(f"Coupon {coupon['id']} is used up or expired.", param, "coupon_expired")
    return coupon


def by_code(world, code: str) -> dict | None:
    """The active promotion code that a person typed; capitals do not matter."""
    for promotion in world.store.all("promotion_code"):
        if promotion["active"] and promotion["code"].casefold() == code.casefold():
            return promotion
    return None


def check_promotion(world, promotion: dict, param: str, *, customer: dict | None, amount: int | None = None) -> dict:
    """Raises StripeError when the code is too old, somebody else's, for first payments only, or for larger amounts."""

    def refuse(why: str) -> StripeError:
        return StripeError.invalid(f"This promotion code cannot be redeemed {why}.", param, "resource_missing")

    rules = promotion["restrictions"]
    if not promotion["active"] or (promotion["expires_at"] and promotion["expires_at"] <= world.now(customer)):
        raise refuse("because it is not active")
    if promotion["customer"] and promotion["customer"] != (customer or {}).get("id"):
        raise refuse("by this customer")
    if rules["first_time_transaction"] and customer and _has_paid(world, customer):
        raise refuse("because the associated customer has prior transactions")
    least = rules["minimum_amount"]
    if least and amount is not None and amount < least:
        raise refuse("because the amount is below the code's minimum")
    return promotion


def _has_paid(world, customer: dict) -> bool:
    paid = any(c["paid"] for c in world.store.where("charge", "customer", customer["id"]))
    return paid or any(i["status"] == "paid" for i in world.store.where("invoice", "customer", customer["id"]))


def wanted(
    world, given: list[dict] | str | None, customer: dict | None = None, amount: int | None = None
) -> list[tuple[dict, dict | None]]:
    """(coupon, promotion code) of a `discounts` parameter."""
    found: list[tuple[dict, dict | None]] = []
    for i, entry in enumerate(given if isinstance(given, list) else []):
        if entry.get("promotion_code"):
            param = f"discounts[{i}][promotion_code]"
            promotion = world.need("promotion_code", entry["promotion_code"], "promotion code", param)
            check_promotion(world, promotion, param, customer=customer, amount=amount)
            coupon = world.need("coupon", promotion["promotion"]["coupon"], "coupon", param)
            found.append((check_coupon(world, coupon, param), promotion))
        elif entry.get("coupon"):
            param = f"discounts[{i}][coupon]"
            coupon = world.need("coupon", entry["coupon"], "coupon", param)
            found.append((check_coupon(world, coupon, param), None))
        elif entry.get("discount"):
            discount = world.need("discount", entry["discount"], "discount", "discounts")
            found.append((world.the("coupon", discount["source"]["coupon"]), None))
    return found


def redeem(world, coupon: dict, promotion: dict | None, *, customer: dict | None, **holder) -> dict:
    """A discount on a subscription, customer or invoice (`holder` names it)."""
    start = world.now(customer) if customer else world.now()
    end = None
    if coupon["duration"] == "repeating":
        end = periods.add(start, "month", coupon["duration_in_months"])
    discount = world.make(
        "discount",
        of=customer,
        customer=customer["id"] if customer else None,
        promotion_code=promotion["id"] if promotion else None,
        source={"type": "coupon", "coupon": coupon["id"]},
        start=start,
        end=end,
        **holder,
    )
    with world.changing(coupon, None):
        coupon["times_redeemed"] += 1
        if coupon["max_redemptions"] and coupon["times_redeemed"] >= coupon["max_redemptions"]:
            coupon["valid"] = False
    if promotion:
        with world.changing(promotion, None):
            promotion["times_redeemed"] += 1
            if promotion["max_redemptions"] == promotion["times_redeemed"]:
                promotion["active"] = False
    return discount


def amount_off(coupon: dict, amount: int) -> int:
    """What a coupon takes off an amount: a share rounded half up, never more than all of it."""
    if amount <= 0:
        return 0
    if coupon["percent_off"] is not None:
        # Per cent with two decimals at most, so hundredths keep it an integer.
        return min(amount, (amount * round(coupon["percent_off"] * 100) + 5000) // 10000)
    return min(amount, coupon["amount_off"])


def apply(world, lines: list[dict], discounts: list[dict]) -> list[dict]:
    """Write each discount's amount on the lines; the invoice's total_discount_amounts."""
    totals = []
    for discount in discounts:
        coupon = world.the("coupon", discount["source"]["coupon"])
        open_lines = [line for line in lines if line["discountable"] and line["amount"] > 0]
        left = None if coupon["percent_off"] is not None else coupon["amount_off"]
        taken = 0
        for line in open_lines:
            rest = line["amount"] - sum(d["amount"] for d in line["discount_amounts"])
            off = amount_off(coupon, rest) if left is None else min(rest, left)
            if left is not None:
                left -= off
            taken += off
            line["discount_amounts"].append({"amount": off, "discount": discount["id"]})
        totals.append({"amount": taken, "discount": discount["id"]})
    return totals


def live(world, ids: list[str], at: int) -> list[dict]:
    """The discounts that still count at a moment."""
    found = [world.store.get("discount", i) for i in ids]
    return [d for d in found if d and (d["end"] is None or d["end"] > at)]
