"""/v1/payment_intents"""

from sandbox import limits
from sandbox.billing import charging, invoicing, methods
from sandbox.errors import StripeError
from sandbox.lists import listable, retrievable
from sandbox.objects import put_fields, put_metadata
from sandbox.routing import Call, route
from sandbox.search import search_page

PATH = "/v1/payment_intents"
PLAIN = ("description", "receipt_email", "setup_future_usage", "statement_descriptor", "statement_descriptor_suffix", "transfer_group")

retrievable("payment_intent", PATH, "payment_intent")
listable("payment_intent", PATH, "customer")


def shipping(given: dict | None) -> dict | None:
    if not given:
        return None
    return {"carrier": None, "phone": None, "tracking_number": None} | given


@route("POST", PATH)
def create(call: Call) -> dict:
    world, params = call.world, call.params
    # A bank debit's mandate and the way errors are told change nothing here.
    params.tolerate("mandate_data", "error_on_requires_action", "use_stripe_sdk", "off_session", "return_url")
    limits.charge(params["amount"], params["currency"].lower())
    customer = None
    if params.get("customer"):
        customer = world.need("customer", params["customer"], "customer", "customer")
    values = {k: params[k] for k in PLAIN if k in params}
    for name in ("capture_method", "confirmation_method"):
        if name in params:
            values[name] = params[name]
    if kinds := params.get("allowed_payment_method_types"):
        values |= {"allowed_payment_method_types": kinds, "payment_method_types": kinds}
    method = methods.resolve(world, params["payment_method"], of=customer) if params.get("payment_method") else None
    automatic = params.get("automatic_payment_methods") or ({} if kinds else {"enabled": True})
    intent = charging.create_intent(
        world, of=customer, amount=params["amount"], currency=params["currency"].lower(),
        customer=params.get("customer"), shipping=shipping(params.get("shipping")),
        payment_method=method["id"] if method else None, metadata=dict(params.get("metadata") or {}),
        automatic_payment_methods={"enabled": True, "allow_redirects": automatic.get("allow_redirects", "always")} if automatic.get("enabled") else None,
        **values,
    )  # fmt: skip
    if params.get("confirm"):
        intent["_return_url"] = params.get("return_url")
        confirm_with(call, intent, method)
    return intent


def confirm_with(call: Call, intent: dict, method: dict | None) -> None:
    if method is None:
        raise StripeError.invalid(
            "You cannot confirm this PaymentIntent because it's missing a payment method.",
            code="payment_intent_unexpected_state",
        )
    off_session = call.params.get("off_session") in (True, "true", "one_off", "recurring")
    invoice = call.world.store.get("invoice", intent.get("_invoice", ""))
    if invoice and invoice["status"] == "open":
        # An invoice's intent: paying it pays the invoice, and what hangs on that.
        invoicing.pay(call.world, invoice, method)
        return
    charging.confirm(call.world, intent, method, off_session=off_session)
    if intent["customer"] and intent["setup_future_usage"] and not method["customer"]:
        methods.attach(call.world, method, call.world.the("customer", intent["customer"]))


@route("POST", PATH + "/{id}")
def update(call: Call) -> dict:
    intent = call.world.need("payment_intent", call.id, "payment_intent")
    with call.world.changing(intent, None):
        put_fields(intent, call.params, *PLAIN, "amount", "currency", "customer")
        put_metadata(intent, call.params)
        if call.params.get("payment_method"):
            intent["payment_method"] = methods.resolve(call.world, call.params["payment_method"])["id"]
            intent["status"] = "requires_confirmation"
    return intent


@route("POST", PATH + "/{id}/confirm")
def confirm(call: Call) -> dict:
    intent = call.world.need("payment_intent", call.id, "payment_intent")
    charging.must_be_payable(intent)
    call.params.tolerate("off_session", "return_url", "mandate_data", "use_stripe_sdk", "error_on_requires_action")
    chosen = call.params.get("payment_method") or intent["payment_method"]
    confirm_with(call, intent, methods.resolve(call.world, chosen) if chosen else None)
    return intent


@route("POST", PATH + "/{id}/capture")
def capture(call: Call) -> dict:
    intent = call.world.need("payment_intent", call.id, "payment_intent")
    if intent["status"] != "requires_capture":
        raise charging.unexpected(intent, "capture")
    amount = call.params.get("amount_to_capture", intent["amount_capturable"])
    if not 1 <= amount <= intent["amount_capturable"]:
        raise StripeError.invalid("Amount too large to capture.", "amount_to_capture", "amount_too_large")
    return charging.capture(call.world, intent, amount)


@route("POST", PATH + "/{id}/cancel")
def cancel(call: Call) -> dict:
    intent = call.world.need("payment_intent", call.id, "payment_intent")
    charging.cancel(call.world, intent, call.params.get("cancellation_reason"))
    return intent


@route("GET", PATH + "/search")
def search(call: Call) -> dict:
    return search_page(call, call.world.store.all("payment_intent"))
