"""/v1/customers/{id}/sources: cards of the old kind, from a `tok_...` test value."""

from sandbox.billing import cards, methods
from sandbox.errors import StripeError
from sandbox.lists import page
from sandbox.objects import put_metadata
from sandbox.routing import Call, route

PATH = "/v1/customers/{id}/sources"


@route("POST", PATH)
def create(call: Call) -> dict:
    world = call.world
    customer = world.need("customer", call.id, "customer")
    test = cards.named(call.params.get("source", ""))
    if test is None:
        raise StripeError.missing("token", call.params.get("source", ""), "source")
    method = methods.attach(world, methods.make_card(world, test, of=customer), customer)
    card = {
        "id": f"card_1{world.ids.token(23)}",
        "object": "card",
        "address_city": None,
        "address_country": None,
        "address_line1": None,
        "address_line1_check": None,
        "address_line2": None,
        "address_state": None,
        "address_zip": None,
        "address_zip_check": None,
        "allow_redisplay": "unspecified",
        "brand": test.brand.capitalize(),
        "country": "US",
        "customer": customer["id"],
        "cvc_check": None,
        "dynamic_last4": None,
        "exp_month": 12,
        "exp_year": 2034,
        "fingerprint": method["card"]["fingerprint"],
        "funding": test.funding,
        "last4": test.number[-4:],
        "metadata": {},
        "name": None,
        "regulated_status": "unregulated",
        "tokenization_method": None,
        "_method": method["id"],
    }
    world.store.put(card)
    customer["default_source"] = customer["default_source"] or method["id"]
    world.store.put(customer)
    world.emit("customer.source.created", card)
    return card


@route("GET", PATH)
def index(call: Call) -> dict:
    return page(call, [c for c in call.world.store.all("card") if c["customer"] == call.id])


@route("POST", PATH + "/{source}")
def update(call: Call) -> dict:
    card = call.world.need("card", call.args["source"], "source")
    with call.world.changing(card, "customer.source.updated"):
        put_metadata(card, call.params)
    return card
