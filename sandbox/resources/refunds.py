"""/v1/refunds"""

from sandbox.billing import refunds
from sandbox.errors import StripeError
from sandbox.lists import listable, retrievable
from sandbox.objects import put_metadata
from sandbox.routing import Call, route

PATH = "/v1/refunds"

retrievable("refund", PATH)
listable("refund", PATH, "charge", "payment_intent")


@route("POST", PATH)
def create(call: Call) -> dict:
    world, params = call.world, call.params
    charge_id = params.get("charge")
    if params.get("payment_intent"):
        intent = world.need("payment_intent", params["payment_intent"], "payment_intent", "payment_intent")
        if not intent["latest_charge"] or intent["status"] != "succeeded":
            raise StripeError.invalid("This PaymentIntent does not have a successful charge to refund.", "payment_intent")
        charge_id = intent["latest_charge"]
    if not charge_id:
        raise StripeError.invalid("One of the following params should be provided for this request: payment_intent or charge.")
    charge = world.need("charge", charge_id, "charge", "charge")
    if params.get("amount", 1) < 1:
        raise StripeError.invalid("Invalid positive integer", "amount", "parameter_invalid_integer")
    return refunds.refund(world, charge, params.get("amount"), reason=params.get("reason"), metadata=dict(params.get("metadata") or {}))


@route("POST", PATH + "/{id}")
def update(call: Call) -> dict:
    refund = call.world.need("refund", call.id, "refund")
    with call.world.changing(refund, "refund.updated"):
        put_metadata(refund, call.params)
    call.world.emit("charge.refund.updated", refund)
    return refund


@route("POST", PATH + "/{id}/cancel")
def cancel(call: Call) -> dict:
    return refunds.cancel(call.world, call.world.need("refund", call.id, "refund"))
