"""What a change of a subscription would cost: the invoice that it would make, reckoned and stored nowhere."""

from sandbox.billing import discounts, invoicing, lines, periods, proration, subscribing
from sandbox.errors import StripeError


def change(world, subscription: dict, details: dict) -> dict:
    """The invoice of `subscription_details`: at once with `always_invoice` or a new cycle, else the next one."""
    at = details.get("proration_date") or world.now(subscription)
    behaviour = details.get("proration_behavior", "create_prorations")
    restart = (details.get("billing_cycle_anchor") or {}).get("type") == "now"
    prorated, items = [], []
    for item in subscribing.items_of(subscription):
        entry = next((e for e in details.get("items") or [] if e.get("id") == item["id"]), {})
        price = _price(world, entry) or item["price"]
        quantity = entry.get("quantity", item["quantity"])
        moved = _every(price) != _every(item["price"])
        restart |= moved
        if behaviour != "none" and (price["id"], quantity) != (item["price"]["id"], item["quantity"]):
            prorated += _sides(world, subscription, item, None if moved else (price, quantity), at)
        items.append(item | {"price": price, "quantity": quantity})
    now = world.now(subscription)
    if restart:
        items = [i | {"current_period_start": now, "current_period_end": periods.end_of(i["price"], now)} for i in items]
    after = subscription | {"items": subscription["items"] | {"data": items}}
    at_once = restart or behaviour == "always_invoice"
    rows = prorated if at_once and not restart else subscribing.period_lines(world, after) + prorated
    live = discounts.live(world, subscription["discounts"], now) if restart or not at_once else []
    customer = world.the("customer", subscription["customer"])
    invoice = invoicing.build(
        world, customer, rows, subscription=subscription, billing_reason="upcoming", currency=subscription["currency"],
        discounts=[d["id"] for d in live], period_start=now, period_end=subscribing.period_end(after),
        next_payment_attempt=now if at_once else subscribing.period_end(after) + invoicing.HOUR,
    )  # fmt: skip
    invoice["id"] = "upcoming_" + invoice["id"]
    return invoice


def _price(world, entry: dict) -> dict | None:
    if not entry.get("price"):
        return None
    found = world.store.get("price", entry["price"])
    if found is None:
        raise StripeError.missing("price", entry["price"], "subscription_details[items][0][price]")
    return found


def _every(price: dict) -> tuple:
    return price["recurring"]["interval"], price["recurring"]["interval_count"]


def _sides(world, subscription: dict, item: dict, new: tuple[dict, int] | None, at: int) -> list[dict]:
    """Credit for the rest of the old, charge for the rest of the new, as proration.change would make them."""
    start, end = item["current_period_start"], item["current_period_end"]
    sides = [(item["price"], item["quantity"], -1, "Unused time on")]
    if new is not None:
        sides.append((*new, 1, "Remaining time on"))
    rows = []
    for price, quantity, sign, words in sides:
        whole = proration.worth(world, subscription, price, quantity, paid_by=item if sign < 0 else None)
        amount = sign * proration.share(whole, start, end, at)
        rows.append(
            lines.line(
                world, amount=amount, currency=price["currency"], price=price, quantity=quantity, discountable=False,
                description=f"{words} {subscribing.product_of(world, price)['name']}", period=(at, end),
                parent=lines.item_parent(item | {"subscription": subscription["id"]}, proration=True),
            )
        )  # fmt: skip
    return rows
