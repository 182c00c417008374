"""/v1/plans: the old name of recurring prices."""

from sandbox.billing.subscribing import plan_of
from sandbox.errors import StripeError
from sandbox.lists import page
from sandbox.objects import put_fields, put_metadata
from sandbox.resources import prices, products
from sandbox.routing import Call, route

PATH = "/v1/plans"


def _need(call: Call) -> dict:
    price = call.world.store.get("price", call.id)
    if price is None or not price["recurring"]:
        raise StripeError.missing("plan", call.id)
    return price


@route("GET", PATH)
def index(call: Call) -> dict:
    return page(call, [plan_of(p) for p in call.world.store.all("price") if p["recurring"] and not p.get("_inline")])


@route("GET", PATH + "/{id}")
def retrieve(call: Call) -> dict:
    return plan_of(_need(call))


@route("POST", PATH)
def create(call: Call) -> dict:
    params = call.params
    product = params.get("product")
    if isinstance(product, dict):
        product = products.new(call.world, **product)["id"]
    given = {
        "currency": params["currency"],
        "unit_amount": params.get("amount"),
        "product": product,
        "nickname": params.get("nickname"),
        "metadata": params.get("metadata"),
        "recurring": {"interval": params["interval"], "interval_count": params.get("interval_count", 1)},
    }
    return plan_of(prices.new(call.world, given))


@route("POST", PATH + "/{id}")
def update(call: Call) -> dict:
    price = _need(call)
    before = plan_of(price)
    with call.world.changing(price, "price.updated"):
        put_fields(price, call.params, "active", "nickname")
        put_metadata(price, call.params)
    after = plan_of(price)
    old = {k: before[k] for k in before if before[k] != after[k]}
    if old:
        call.world.emit("plan.updated", after, old)
    return after


@route("DELETE", PATH + "/{id}")
def delete(call: Call) -> dict:
    price = _need(call)
    call.world.store.drop(price)
    call.world.emit("plan.deleted", plan_of(price))
    call.world.emit("price.deleted", price)
    return {"id": call.id, "object": "plan", "deleted": True}
