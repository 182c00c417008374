"""/v1/payment_methods"""

from sandbox.billing import cards, methods
from sandbox.errors import StripeError
from sandbox.lists import matching, page
from sandbox.objects import plain, put_metadata
from sandbox.routing import Call, route

PATH = "/v1/payment_methods"


@route("POST", PATH)
def create(call: Call) -> dict:
    params = call.params
    kind = params.get("type", "card")
    details = params.get("billing_details")
    if kind == "sepa_debit":
        method = methods.make_debit(call.world, params["sepa_debit"]["iban"], details=details)
    elif kind == "card":
        method = _card(call, params.get("card") or {}, details)
    else:
        raise StripeError.invalid(f"The sandbox knows no {kind} payment methods yet.", "type")
    put_metadata(method, params)
    return method


def _card(call: Call, given: dict, details: dict | None) -> dict:
    given.get("cvc")  # any will do
    if given.get("token"):
        card = cards.named(given["token"])
        if card is None:
            raise StripeError.missing("token", given["token"], "card[token]")
        return methods.make_card(call.world, card, details=details)
    card = cards.numbered(given.get("number", ""))
    if card is None:
        raise StripeError("Your card number is incorrect.", status=402, kind="card_error", code="incorrect_number", param="card[number]")
    return methods.make_card(call.world, card, details=details, exp_month=given.get("exp_month", 12), exp_year=given.get("exp_year", 2034))


@route("GET", PATH)
def index(call: Call) -> dict:
    return page(call, matching(call, "payment_method", "customer", "type"))


@route("GET", PATH + "/{id}")
def retrieve(call: Call) -> dict:
    return methods.resolve(call.world, call.id, "id")


@route("POST", PATH + "/{id}")
def update(call: Call) -> dict:
    method = call.world.need("payment_method", call.id, "PaymentMethod")
    with call.world.changing(method, "payment_method.updated"):
        put_metadata(method, call.params)
        if "billing_details" in call.params:
            method["billing_details"] |= plain(call.params["billing_details"] or {})
        method_card = call.params.get("card") or {}
        if method["type"] == "card":
            method["card"] |= {k: v for k, v in method_card.items() if k in ("exp_month", "exp_year")}
    return method


@route("POST", PATH + "/{id}/attach")
def attach(call: Call) -> dict:
    customer = call.world.need("customer", call.params.get("customer", ""), "customer", "customer")
    return methods.attach(call.world, methods.resolve(call.world, call.id, "id", customer), customer)


@route("POST", PATH + "/{id}/detach")
def detach(call: Call) -> dict:
    return methods.detach(call.world, call.world.need("payment_method", call.id, "PaymentMethod"))
