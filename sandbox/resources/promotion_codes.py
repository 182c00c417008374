"""/v1/promotion_codes"""

from sandbox.billing import discounts
from sandbox.errors import StripeError
from sandbox.lists import matching, page, retrievable
from sandbox.objects import plain, put_fields, put_metadata
from sandbox.routing import Call, route

PATH = "/v1/promotion_codes"

retrievable("promotion_code", PATH)


@route("GET", PATH)
def index(call: Call) -> dict:
    rows = matching(call, "promotion_code", "active", "customer")
    if "code" in call.params:
        rows = [p for p in rows if p["code"].casefold() == call.params["code"].casefold()]
    if "coupon" in call.params:
        rows = [p for p in rows if p["promotion"]["coupon"] == call.params["coupon"]]
    return page(call, rows)


@route("POST", PATH)
def create(call: Call) -> dict:
    world, params = call.world, call.params
    params["promotion"].tolerate("type")  # there is one only
    coupon = world.need("coupon", params["promotion"].get("coupon", ""), "coupon", "promotion[coupon]")
    if params.get("code") and (twin := discounts.by_code(world, params["code"])) and twin["customer"] in (None, params.get("customer")):
        raise StripeError.invalid(
            f"An active promotion code with `code: {params['code']}` already exists.", "code", "resource_already_exists"
        )
    made = world.make("promotion_code", code=params.get("code") or world.ids.token(8).upper())
    made["promotion"] = {"type": "coupon", "coupon": coupon["id"]}
    put_fields(made, params, "active", "customer", "expires_at", "max_redemptions")
    put_metadata(made, params)
    made["restrictions"] |= plain(params.get("restrictions") or {})
    world.emit("promotion_code.created", made)
    return made


@route("POST", PATH + "/{id}")
def update(call: Call) -> dict:
    promotion = call.world.need("promotion_code", call.id, "promotion code")
    with call.world.changing(promotion, "promotion_code.updated"):
        put_fields(promotion, call.params, "active")
        put_metadata(promotion, call.params)
    return promotion
