"""Plan changes in the middle of a period: credit for the rest of the old, charge for the rest of the new."""

from collections.abc import Collection

from sandbox.billing import discounts, invoicing, lines


def share(amount: int, start: int, end: int, at: int) -> int:
    """The part of an amount that the rest of the period is worth, to the second, half up."""
    if end <= start or at >= end:
        return 0
    return (amount * (end - max(at, start)) * 2 + (end - start)) // (2 * (end - start))


def invoice_item(world, customer: dict, subscription: dict | None, **values) -> dict:
    """A pending invoice item; emits invoiceitem.created."""
    item = world.make("invoiceitem", of=customer, customer=customer["id"], **values)
    item["test_clock"] = customer["test_clock"]
    item["net_amount"] = item["amount"]
    if subscription:
        item["parent"] = {
            "type": "subscription_details",
            "subscription_details": {
                "subscription": subscription["id"],
                "subscription_item": item.pop("_item", None),
            },
        }
    world.emit("invoiceitem.created", item)
    return item


def worth(world, subscription: dict, price: dict, quantity: int, *, paid_by: dict | None = None) -> int:
    """What a whole period costs her, in minor units: the list price less her discounts.

    `paid_by` is the item of a period that was billed: then less what its own line was reduced by, for only that can be credited.
    """
    listed = (price["unit_amount"] or 0) * quantity
    line = last_line(world, subscription, paid_by) if paid_by else None
    if line and line["amount"] > 0:
        off = sum(taken["amount"] for taken in line["discount_amounts"])
        return (listed * (line["amount"] - off) * 2 + line["amount"]) // (2 * line["amount"])
    for discount in discounts.live(world, subscription["discounts"], world.now(subscription)):
        listed -= discounts.amount_off(world.the("coupon", discount["source"]["coupon"]), listed)
    return listed


def last_line(world, subscription: dict, item: dict) -> dict | None:
    """The line by which the item's running period was billed."""
    for invoice in reversed(world.store.where("invoice", "subscription", subscription["id"])):
        for line in invoice["lines"]["data"]:
            of = line["parent"]["subscription_item_details"] or {}
            if of.get("subscription_item") == item["id"] and not of["proration"] and line["period"]["end"] == item["current_period_end"]:
                return line
    return None


def change(world, subscription: dict, item: dict, old: tuple[dict, int], new: tuple[dict, int] | None, at: int) -> None:
    """Pending credit for (price, quantity) `old` and charge for `new`, until the item's period end."""
    customer = world.the("customer", subscription["customer"])
    start, end = item["current_period_start"], item["current_period_end"]
    if at >= end:
        return  # nothing of the period is left
    sides = [(old, -1, "Unused time on")]
    if new is not None:
        sides.append((new, 1, "Remaining time on"))
    for (price, quantity), sign, words in sides:
        amount = sign * share(worth(world, subscription, price, quantity, paid_by=item if sign < 0 else None), start, end, at)
        product = world.store.get("product", price["product"]) or {"name": "Subscription"}
        invoice_item(
            world, customer, subscription, amount=amount, currency=price["currency"],
            description=f"{words} {product['name']}", period={"start": at, "end": end}, proration=True,
            quantity=quantity, quantity_decimal=str(quantity), discountable=False, _item=item["id"],
            discounts=[],
            pricing={"type": "price_details", "unit_amount_decimal": price["unit_amount_decimal"],
                     "price_details": {"price": price["id"], "product": price["product"]}},
        )  # fmt: skip


def pending(world, customer: dict, subscription: dict | None = None) -> list[dict]:
    """Items that wait for the next invoice of the subscription, or of the customer alone."""
    wanted = subscription["id"] if subscription else None
    found = []
    for item in world.store.where("invoiceitem", "customer", customer["id"]):
        details = (item["parent"] or {}).get("subscription_details") or {}
        if item["invoice"] is None and details.get("subscription") in (wanted, None):
            found.append(item)
    return found


def pending_lines(world, customer: dict, subscription: dict | None = None) -> list[dict]:
    """Lines of everything pending; each item is marked as billed."""
    rows = []
    for item in pending(world, customer, subscription):
        rows.append(line_of(world, item))
        item["invoice"] = "_billed"
        world.store.put(item)
    return rows


def line_of(world, item: dict) -> dict:
    details = (item["parent"] or {}).get("subscription_details") or {}
    parent = lines.invoice_item_parent(item)
    if item["proration"] and details.get("subscription"):
        holder = {"subscription": details["subscription"], "id": details["subscription_item"]}
        parent = lines.item_parent(holder, proration=True, invoice_item=item["id"])
    line = lines.line(
        world,
        amount=item["amount"],
        currency=item["currency"],
        description=item["description"],
        period=(item["period"]["start"], item["period"]["end"]),
        parent=parent,
        quantity=item["quantity"],
        discountable=item["discountable"],
        metadata=dict(item["metadata"]),
    )
    line["pricing"] = item["pricing"]
    return line


def claim(world, invoice: dict) -> None:
    """Once the invoice has its id, its items name it."""
    wanted = {
        ((e["parent"] or {}).get("invoice_item_details") or {}).get("invoice_item")
        or ((e["parent"] or {}).get("subscription_item_details") or {}).get("invoice_item")
        for e in invoice["lines"]["data"]
    }
    for id_ in wanted - {None}:
        item = world.the("invoiceitem", id_)
        item["invoice"] = invoice["id"]
        world.store.put(item)


def invoice_now(world, subscription: dict, extra: Collection[dict] = ()) -> dict | None:
    """always_invoice: what is pending, on an invoice of its own, charged at once."""
    invoice = _own_invoice(world, subscription, extra)
    if invoice is not None:
        invoicing.collect(world, invoice)
    return invoice


def open_invoice(world, subscription: dict, extra: Collection[dict] = ()) -> dict | None:
    """The same, finalized and not charged."""
    invoice = _own_invoice(world, subscription, extra)
    return invoicing.finalize(world, invoice) if invoice is not None else None


def _own_invoice(world, subscription: dict, extra: Collection[dict]) -> dict | None:
    customer = world.the("customer", subscription["customer"])
    rows = [*extra, *pending_lines(world, customer, subscription)]
    if not rows:
        return None
    live = discounts.live(world, subscription["discounts"], world.now(subscription))
    invoice = invoicing.draft(
        world, customer, rows, subscription=subscription, billing_reason="subscription_update",
        discounts=[d["id"] for d in live] if extra else [], auto_advance=True,
    )  # fmt: skip
    claim(world, invoice)
    subscription["latest_invoice"] = invoice["id"]
    return invoice
