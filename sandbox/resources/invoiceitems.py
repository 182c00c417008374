"""/v1/invoiceitems"""

from sandbox.billing import invoicing, proration
from sandbox.errors import StripeError
from sandbox.lists import listable, retrievable
from sandbox.objects import plain, put_fields, put_metadata
from sandbox.resources import prices
from sandbox.routing import Call, route

PATH = "/v1/invoiceitems"

retrievable("invoiceitem", PATH)
listable("invoiceitem", PATH, "customer", "invoice")


@route("POST", PATH)
def create(call: Call) -> dict:
    world, params = call.world, call.params
    if not params.get("customer"):
        raise StripeError.missing_parameter("customer")
    customer = world.need("customer", params["customer"], "customer", "customer")
    quantity, pricing, amount = params.get("quantity", 1), None, params.get("amount")
    currency = params.get("currency", "usd")
    given = {"price": (params.get("pricing") or {}).get("price"), "price_data": params.get("price_data")}
    if any(given.values()):
        price = prices.of_line(world, given, "pricing")
        amount, currency = (price["unit_amount"] or 0) * quantity, price["currency"]
        pricing = {
            "type": "price_details",
            "unit_amount_decimal": price["unit_amount_decimal"],
            "price_details": {"price": price["id"], "product": price["product"]},
        }
    if amount is None:
        raise StripeError.missing_parameter("amount")
    subscription = (
        world.need("subscription", params["subscription"], "subscription", "subscription") if params.get("subscription") else None
    )
    now = world.now(customer)
    item = proration.invoice_item(
        world, customer, subscription, amount=amount, currency=currency, description=params.get("description"),
        quantity=quantity, quantity_decimal=str(quantity), pricing=pricing, discounts=[],
        metadata=dict(params.get("metadata") or {}), period=plain(params.get("period")) or {"start": now, "end": now},
        discountable=params.get("discountable", amount > 0),
    )  # fmt: skip
    if params.get("invoice"):
        _put_on(call, item, world.need("invoice", params["invoice"], "invoice", "invoice"))
    return item


def _put_on(call: Call, item: dict, invoice: dict) -> None:
    """Straight onto a draft."""
    if invoice["status"] != "draft":
        raise StripeError.invalid("The invoice is not a draft.", "invoice", "invoice_not_editable")
    world = call.world
    with world.changing(invoice, "invoice.updated"):
        line = proration.line_of(world, item)
        line["invoice"] = item["invoice"] = invoice["id"]
        invoice["lines"]["data"].append(line)
        invoicing.recount(world, invoice)


@route("POST", PATH + "/{id}")
def update(call: Call) -> dict:
    item = call.world.need("invoiceitem", call.id, "invoiceitem")
    put_fields(item, call.params, "amount", "description", "discountable")
    put_metadata(item, call.params)
    return call.world.store.put(item)


@route("DELETE", PATH + "/{id}")
def delete(call: Call) -> dict:
    item = call.world.need("invoiceitem", call.id, "invoiceitem")
    if item["invoice"]:
        raise StripeError.invalid("This invoice item is on an invoice already.", code="invoice_not_editable")
    call.world.store.drop(item)
    call.world.emit("invoiceitem.deleted", item)
    return {"id": call.id, "object": "invoiceitem", "deleted": True}
