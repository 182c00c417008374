"""/v1/charges (read, and metadata): money is taken by PaymentIntents."""

from sandbox.expand import includable, sublist
from sandbox.lists import listable, retrievable
from sandbox.objects import put_fields, put_metadata
from sandbox.routing import Call, route
from sandbox.search import search_page

PATH = "/v1/charges"

retrievable("charge", PATH)
listable("charge", PATH, "customer", "payment_intent")


@route("POST", PATH + "/{id}")
def update(call: Call) -> dict:
    charge = call.world.need("charge", call.id, "charge")
    with call.world.changing(charge, "charge.updated"):
        put_fields(charge, call.params, "description", "receipt_email", "customer")
        put_metadata(charge, call.params)
    return charge


@route("GET", PATH + "/search")
def search(call: Call) -> dict:
    return search_page(call, call.world.store.all("charge"))


@includable("charge", "refunds")
def refunds_of(world, charge: dict) -> dict:
    rows = world.store.where("refund", "charge", charge["id"])
    return sublist(rows[::-1], f"{PATH}/{charge['id']}/refunds")
