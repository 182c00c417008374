"""/v1/coupons"""

from sandbox.errors import StripeError
from sandbox.lists import listable, retrievable
from sandbox.objects import put_fields, put_metadata
from sandbox.routing import Call, route

PATH = "/v1/coupons"

retrievable("coupon", PATH)
listable("coupon", PATH)


@route("POST", PATH)
def create(call: Call) -> dict:
    params = call.params
    if ("percent_off" in params) == ("amount_off" in params):
        raise StripeError.invalid("You must pass either percent_off or amount_off, and not both.", "percent_off")
    if "amount_off" in params and "currency" not in params:
        raise StripeError.missing_parameter("currency")
    duration = params.get("duration", "once")
    if duration == "repeating" and not params.get("duration_in_months"):
        raise StripeError.missing_parameter("duration_in_months")
    if params.get("id") and call.world.store.get("coupon", params["id"]):
        raise StripeError.invalid("Coupon already exists.", "id", "resource_already_exists")
    coupon = call.world.make("coupon", id=params.get("id") or "", currency=None)
    put_fields(
        coupon, params, "percent_off", "amount_off", "currency", "duration", "duration_in_months", "max_redemptions", "redeem_by", "name"
    )
    put_metadata(coupon, params)
    call.world.emit("coupon.created", coupon)
    return coupon


@route("POST", PATH + "/{id}")
def update(call: Call) -> dict:
    coupon = call.world.need("coupon", call.id, "coupon")
    with call.world.changing(coupon, "coupon.updated"):
        put_fields(coupon, call.params, "name")
        put_metadata(coupon, call.params)
    return coupon


@route("DELETE", PATH + "/{id}")
def delete(call: Call) -> dict:
    coupon = call.world.need("coupon", call.id, "coupon")
    call.world.store.drop(coupon)
    call.world.emit("coupon.deleted", coupon)
    return {"id": call.id, "object": "coupon", "deleted": True}
