"""/v1/subscription_items: a subscription's items by themselves."""

from sandbox.billing import changing
from sandbox.errors import StripeError
from sandbox.lists import page
from sandbox.routing import Call, route

PATH = "/v1/subscription_items"


def find(world, id_: str) -> tuple[dict, dict]:
    """(subscription, item)"""
    for subscription in world.store.all("subscription"):
        for item in subscription["items"]["data"]:
            if item["id"] == id_:
                return subscription, item
    raise StripeError.missing("subscription_item", id_)


@route("GET", PATH)
def index(call: Call) -> dict:
    subscription = call.world.need("subscription", call.params["subscription"], "subscription", "subscription")
    return page(call, list(subscription["items"]["data"]), newest_first=False)


@route("GET", PATH + "/{id}")
def retrieve(call: Call) -> dict:
    return find(call.world, call.id)[1]


def _change(call: Call, subscription: dict, entry: dict) -> None:
    options = call.params.some("proration_behavior", "proration_date")
    with call.world.changing(subscription, "customer.subscription.updated"):
        after = changing.items(call.world, subscription, options | {"items": [entry]})
    if after:
        after()


@route("POST", PATH)
def create(call: Call) -> dict:
    subscription = call.world.need("subscription", call.params["subscription"], "subscription", "subscription")
    entry = call.params.some("price", "price_data", "quantity", "metadata")
    _change(call, subscription, entry)
    return subscription["items"]["data"][-1]


@route("POST", PATH + "/{id}")
def update(call: Call) -> dict:
    subscription, item = find(call.world, call.id)
    entry = call.params.some("price", "price_data", "quantity", "metadata")
    _change(call, subscription, entry | {"id": call.id})
    return item


@route("DELETE", PATH + "/{id}")
def delete(call: Call) -> dict:
    subscription, _item = find(call.world, call.id)
    if len(subscription["items"]["data"]) == 1:
        raise StripeError.invalid("A subscription must have at least one active plan.", "id")
    _change(call, subscription, {"id": call.id, "deleted": True})
    return {"id": call.id, "object": "subscription_item", "deleted": True}
