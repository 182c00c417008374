"""Invoice lines: amounts with a period, a price and where they come from."""

from sandbox.billing import money
from sandbox.objects import blank


def line(
    world, *, amount: int, currency: str, description: str, period: tuple[int, int],
    parent: dict, price: dict | None = None, quantity: int = 1, discountable: bool = True,
    metadata: dict | None = None,
) -> dict:  # fmt: skip
    pricing = None
    if price:
        pricing = {
            "price_details": {"price": price["id"], "product": price["product"]},
            "type": "price_details",
            "unit_amount_decimal": price["unit_amount_decimal"],
        }
    return blank(
        "line_item",
        id=world.ids.new("line_item"),
        amount=amount,
        subtotal=amount,
        currency=currency,
        description=description,
        discountable=discountable,
        metadata=metadata or {},
        parent=parent,
        period={"start": period[0], "end": period[1]},
        pricing=pricing,
        quantity=quantity,
        quantity_decimal=str(quantity),
        subscription=(parent.get("subscription_item_details") or {}).get("subscription"),
    )


def item_parent(item: dict, *, proration: bool = False, invoice_item: str | None = None) -> dict:
    return {
        "type": "subscription_item_details",
        "invoice_item_details": None,
        "subscription_item_details": {
            "invoice_item": invoice_item,
            "proration": proration,
            "proration_details": {"credited_items": None},
            "subscription": item["subscription"],
            "subscription_item": item["id"],
        },
    }


def invoice_item_parent(entry: dict) -> dict:
    subscription = ((entry["parent"] or {}).get("subscription_details") or {}).get("subscription")
    return {
        "type": "invoice_item_details",
        "subscription_item_details": None,
        "invoice_item_details": {
            "invoice_item": entry["id"],
            "proration": entry["proration"],
            "proration_details": {"credited_items": None},
            "subscription": subscription,
        },
    }


def describe(price: dict, product: dict, quantity: int) -> str:
    recurring = price["recurring"]
    every = recurring["interval"] if recurring["interval_count"] == 1 else f"{recurring['interval_count']} {recurring['interval']}s"
    each = money.text(price["unit_amount"] or 0, price["currency"])
    return f"{quantity} × {product['name']} (at {each} / {every})"
