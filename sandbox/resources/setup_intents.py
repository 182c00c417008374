"""/v1/setup_intents"""

from sandbox.billing import methods, setup
from sandbox.errors import StripeError
from sandbox.lists import listable, retrievable
from sandbox.objects import put_fields, put_metadata
from sandbox.routing import Call, route

PATH = "/v1/setup_intents"

retrievable("setup_intent", PATH, "setupintent")
listable("setup_intent", PATH, "customer", "payment_method")


@route("POST", PATH)
def create(call: Call) -> dict:
    world, params = call.world, call.params
    customer = world.need("customer", params["customer"], "customer", "customer") if params.get("customer") else None
    method = methods.resolve(world, params["payment_method"], of=customer) if params.get("payment_method") else None
    values = {k: params[k] for k in ("description", "usage") if k in params}
    if kinds := params.get("allowed_payment_method_types"):
        values |= {"allowed_payment_method_types": kinds, "payment_method_types": kinds}
    intent = setup.create(
        world, of=customer, customer=params.get("customer"), metadata=dict(params.get("metadata") or {}),
        payment_method=method["id"] if method else None, **values,
    )  # fmt: skip
    if params.get("confirm"):
        if method is None:
            raise StripeError.missing_parameter("payment_method")
        setup.confirm(world, intent, method)
    return intent


@route("POST", PATH + "/{id}")
def update(call: Call) -> dict:
    intent = call.world.need("setup_intent", call.id, "setupintent")
    put_fields(intent, call.params, "description", "customer", "payment_method")
    put_metadata(intent, call.params)
    return call.world.store.put(intent)


@route("POST", PATH + "/{id}/confirm")
def confirm(call: Call) -> dict:
    intent = call.world.need("setup_intent", call.id, "setupintent")
    chosen = call.params.get("payment_method") or intent["payment_method"]
    if not chosen:
        raise StripeError.missing_parameter("payment_method")
    setup.confirm(call.world, intent, methods.resolve(call.world, chosen))
    return intent


@route("POST", PATH + "/{id}/cancel")
def cancel(call: Call) -> dict:
    intent = call.world.need("setup_intent", call.id, "setupintent")
    if intent["status"] in ("succeeded", "canceled"):
        raise StripeError.invalid(
            f"You cannot cancel this SetupIntent because it has a status of {intent['status']}.",
            code="setup_intent_unexpected_state",
        )
    with call.world.changing(intent, None):
        intent |= {"status": "canceled", "cancellation_reason": call.params.get("cancellation_reason")}
    call.world.emit("setup_intent.canceled", intent)
    return intent
