"""/v1/invoices"""

from sandbox.billing import discounts, invoicing, methods, previewing, proration, subscribing
from sandbox.errors import StripeError
from sandbox.expand import includable, sublist
from sandbox.lists import matching, page, retrievable
from sandbox.objects import put_fields, put_metadata
from sandbox.routing import Call, route
from sandbox.search import search_page

PATH = "/v1/invoices"
PREVIEWED = {"items", "proration_behavior", "proration_date", "billing_cycle_anchor"}

retrievable("invoice", PATH)


@route("GET", PATH)
def index(call: Call) -> dict:
    rows = matching(call, "invoice", "subscription", "customer", "status", "collection_method")
    return page(call, rows)


@includable("invoice", "payments")
def payments_of(world, invoice: dict) -> dict:
    rows = invoicing.payments_of(world, invoice)
    return sublist(rows[::-1], f"/v1/invoice_payments?invoice={invoice['id']}")


@includable("invoice", "confirmation_secret")
def confirmation_secret(world, invoice: dict) -> dict | None:
    stored = world.the("invoice", invoice["id"])
    intent = invoicing.intent_of(world, stored) if stored else None
    return {"client_secret": intent["client_secret"], "type": "payment_intent"} if intent else None


@route("GET", PATH + "/{id}/lines")
def lines(call: Call) -> dict:
    invoice = call.world.need("invoice", call.id, "invoice")
    return page(call, list(invoice["lines"]["data"]), newest_first=False)


@route("POST", PATH)
def create(call: Call) -> dict:
    world, params = call.world, call.params
    if not params.get("customer"):
        raise StripeError.missing_parameter("customer")
    customer = world.need("customer", params["customer"], "customer", "customer")
    take = params.get("pending_invoice_items_behavior", "exclude") == "include"
    entries = proration.pending_lines(world, customer) if take else []
    reductions = [
        discounts.redeem(world, coupon, promo, customer=customer)["id"]
        for coupon, promo in discounts.wanted(world, params.get("discounts"))
    ]
    subscription = (
        world.need("subscription", params["subscription"], "subscription", "subscription") if params.get("subscription") else None
    )
    invoice = invoicing.draft(
        world, customer, entries, subscription=subscription, billing_reason="manual", discounts=reductions,
        currency=params.get("currency"), description=params.get("description"),
        metadata=dict(params.get("metadata") or {}), auto_advance=params.get("auto_advance", False),
        **({"collection_method": params["collection_method"]} if "collection_method" in params else {}),
        due_date=_due(call, customer),
    )  # fmt: skip
    proration.claim(world, invoice)
    if invoice["auto_advance"]:
        invoice["automatically_finalizes_at"] = invoice["created"] + invoicing.HOUR
    return invoice


def _due(call: Call, customer: dict) -> int | None:
    if "due_date" in call.params:
        return call.params["due_date"]
    days = call.params.get("days_until_due")
    return call.world.now(customer) + days * 86400 if days is not None else None


@route("POST", PATH + "/{id}")
def update(call: Call) -> dict:
    invoice = call.world.need("invoice", call.id, "invoice")
    with call.world.changing(invoice, "invoice.updated"):
        put_fields(invoice, call.params, "description", "footer", "auto_advance", "collection_method", "due_date", "default_payment_method")
        put_metadata(invoice, call.params)
    return invoice


@route("DELETE", PATH + "/{id}")
def delete(call: Call) -> dict:
    invoice = call.world.need("invoice", call.id, "invoice")
    if invoice["status"] != "draft":
        raise StripeError.invalid(f"You can only delete draft invoices. {call.id} is {invoice['status']}.")
    call.world.store.drop(invoice)
    call.world.emit("invoice.deleted", invoice)
    return {"id": call.id, "object": "invoice", "deleted": True}


@route("POST", PATH + "/{id}/finalize")
def finalize(call: Call) -> dict:
    invoice = call.world.need("invoice", call.id, "invoice")
    return invoicing.finalize(call.world, invoice)


@route("POST", PATH + "/{id}/pay")
def pay(call: Call) -> dict:
    world = call.world
    invoice = world.need("invoice", call.id, "invoice")
    if invoice["status"] == "draft":
        invoicing.finalize(world, invoice)
    if invoice["status"] == "paid":
        if invoice["amount_due"] == 0 and invoice["attempt_count"] == 0:
            return invoice
        raise StripeError.invalid("Invoice is already paid", code="invoice_already_paid")
    invoicing.must_be_payable(invoice)
    if call.params.get("paid_out_of_band"):
        invoicing.mark_paid(world, invoice, None, off_stripe=True)
        return invoice
    customer = world.the("customer", invoice["customer"])
    given = call.params.get("payment_method") or call.params.get("source")
    method = methods.resolve(world, given, of=customer) if given else None
    method = method or methods.default_for(world, customer, invoicing.subscription_of(world, invoice), invoice)
    outcome = invoicing.pay(world, invoice, method)
    if outcome == "requires_action":
        raise StripeError(
            "This payment requires additional user action before it can be completed successfully.",
            status=402, kind="card_error", code="invoice_payment_intent_requires_action",
        )  # fmt: skip
    return invoice


@route("POST", PATH + "/{id}/void")
def void(call: Call) -> dict:
    return invoicing.void(call.world, call.world.need("invoice", call.id, "invoice"))


@route("POST", PATH + "/{id}/mark_uncollectible")
def mark_uncollectible(call: Call) -> dict:
    invoice = call.world.need("invoice", call.id, "invoice")
    return invoicing.void(call.world, invoice, event="invoice.marked_uncollectible", status="uncollectible")


@route("POST", PATH + "/{id}/send")
def send(call: Call) -> dict:
    invoice = call.world.need("invoice", call.id, "invoice")
    if invoice["status"] == "draft":
        invoicing.finalize(call.world, invoice)
    call.world.emit("invoice.sent", invoice)
    return invoice


@route("POST", PATH + "/create_preview")
def create_preview(call: Call) -> dict:
    """The next invoice of a subscription, as it stands or with `subscription_details` changed."""
    if not call.params.get("subscription"):
        raise StripeError.missing_parameter("subscription")
    subscription = call.world.need("subscription", call.params["subscription"], "subscription", "subscription")
    details = call.params.get("subscription_details") or {}
    unsupported = (set(call.params) - {"subscription", "customer", "subscription_details", "expand"}) | (set(details) - PREVIEWED)
    if unsupported:
        raise StripeError.invalid(f"The sandbox cannot preview {sorted(unsupported)} yet.", sorted(unsupported)[0])
    return previewing.change(call.world, subscription, details) if details else subscribing.preview(call.world, subscription)


@route("GET", PATH + "/search")
def search(call: Call) -> dict:
    return search_page(call, call.world.store.all("invoice"))
