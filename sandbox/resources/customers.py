"""/v1/customers"""

from sandbox.billing import discounts, methods
from sandbox.expand import includable, sublist
from sandbox.lists import listable, page
from sandbox.objects import put_fields, put_metadata, tombstone
from sandbox.routing import Call, route
from sandbox.search import search_page

PATH = "/v1/customers"
PLAIN = (
    "address", "balance", "description", "email", "name", "phone", "preferred_locales",
    "shipping", "tax_exempt", "business_name", "individual_name",
)  # fmt: skip

listable("customer", PATH, "email", "test_clock")


@route("GET", PATH + "/{id}")
def retrieve(call: Call) -> dict:
    found = call.world.store.get("customer", call.id)
    return tombstone(found) if found and found.get("_deleted") else call.world.need("customer", call.id, "customer")


def new(world, **values) -> dict:
    """A stored customer; emits customer.created."""
    customer = world.make("customer")
    clock = values.pop("test_clock", None)
    if clock:
        customer["test_clock"] = world.need("test_helpers.test_clock", clock, "test clock", "test_clock")["id"]
        customer["created"] = world.now(customer)
    customer["invoice_prefix"] = world.ids.token(8).upper()
    put_fields(customer, values, *PLAIN)
    put_metadata(customer, values)
    world.emit("customer.created", customer)
    return customer


@route("POST", PATH)
def create(call: Call) -> dict:
    customer = new(call.world, **call.params.some(*PLAIN, "metadata", "test_clock"))
    _cards_and_coupon(call, customer)
    return customer


@route("POST", PATH + "/{id}")
def update(call: Call) -> dict:
    customer = call.world.need("customer", call.id, "customer")
    with call.world.changing(customer, "customer.updated"):
        put_fields(customer, call.params, *PLAIN)
        put_metadata(customer, call.params)
        _cards_and_coupon(call, customer)
    return customer


def _cards_and_coupon(call: Call, customer: dict) -> None:
    world, params = call.world, call.params
    fresh: dict[str, dict] = {}
    for name in ("payment_method", "source"):
        if params.get(name):
            method = methods.resolve(world, params[name], name, customer)
            fresh[params[name]] = methods.attach(world, method, customer)
            if name == "source":
                # Old-style sources live here as payment methods; the API shows the id alike.
                customer["default_source"] = method["id"]
    settings = params.get("invoice_settings") or {}
    if "default_payment_method" in settings:
        chosen = settings["default_payment_method"]
        method = fresh.get(chosen) or (
            methods.resolve(world, chosen, "invoice_settings[default_payment_method]", customer) if chosen else None
        )
        if method:
            methods.attach(world, method, customer)
        customer["invoice_settings"]["default_payment_method"] = method["id"] if method else None
    put_fields(customer["invoice_settings"], settings, "footer", "custom_fields")
    if "coupon" in params:
        _coupon(call, customer)


def _coupon(call: Call, customer: dict) -> None:
    """The old `coupon` parameter, for callers that do not pin the current version."""
    world, old = call.world, customer["discount"]
    if not call.params["coupon"]:
        drop_discount(world, customer)
        return
    coupon = world.need("coupon", call.params["coupon"], "coupon", "coupon")
    new_one = discounts.redeem(world, coupon, None, customer=customer)
    customer["discount"] = new_one
    if old:
        world.emit("customer.discount.updated", new_one, {"id": old["id"], "source": old["source"]})
    else:
        world.emit("customer.discount.created", new_one)


def drop_discount(world, customer: dict) -> None:
    if customer["discount"]:
        gone = customer["discount"]
        customer["discount"] = None
        world.emit("customer.discount.deleted", gone)


@route("DELETE", PATH + "/{id}/discount")
def delete_discount(call: Call) -> dict:
    customer = call.world.need("customer", call.id, "customer")
    discount = customer["discount"] or {"id": "", "object": "discount"}
    drop_discount(call.world, customer)
    return tombstone(discount)


@route("DELETE", PATH + "/{id}")
def delete(call: Call) -> dict:
    return delete_one(call.world, call.world.need("customer", call.id, "customer"))


def delete_one(world, customer: dict) -> dict:
    """Her subscriptions end at once, and only a tombstone stays."""
    from sandbox.billing import standing, subscribing

    for subscription in world.store.where("subscription", "customer", customer["id"]):
        if subscription["status"] not in subscribing.TERMINAL:
            standing.end(world, subscription, "cancellation_requested")
    customer["_deleted"] = True
    world.store.put(customer)
    world.emit("customer.deleted", customer)
    return tombstone(customer)


@route("GET", PATH + "/search")
def search(call: Call) -> dict:
    return search_page(call, call.world.store.all("customer"))


@route("GET", PATH + "/{id}/payment_methods")
def payment_methods(call: Call) -> dict:
    call.world.need("customer", call.id, "customer")
    rows = methods.of_customer(call.world, call.id)
    wanted = call.params.get("type")
    return page(call, [m for m in rows if wanted in (None, m["type"])])


@route("GET", PATH + "/{id}/payment_methods/{method}")
def payment_method(call: Call) -> dict:
    return call.world.need("payment_method", call.args["method"], "PaymentMethod")


@includable("customer", "subscriptions")
def subscriptions_of(world, customer: dict) -> dict:
    rows = [
        s for s in world.store.where("subscription", "customer", customer["id"]) if s["status"] not in ("canceled", "incomplete_expired")
    ]
    return sublist(rows[::-1], f"{PATH}/{customer['id']}/subscriptions")
