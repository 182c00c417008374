"""/v1/tax_rates (kept and told about; the sandbox computes no tax)."""

from sandbox.lists import listable, retrievable
from sandbox.objects import put_fields, put_metadata
from sandbox.routing import Call, route

PATH = "/v1/tax_rates"
PLAIN = ("active", "country", "description", "display_name", "jurisdiction", "state", "tax_type")

retrievable("tax_rate", PATH, "tax rate")
listable("tax_rate", PATH, "active", "inclusive")


@route("POST", PATH)
def create(call: Call) -> dict:
    rate = call.world.make("tax_rate", inclusive=call.params["inclusive"], percentage=call.params["percentage"])
    put_fields(rate, call.params, *PLAIN)
    put_metadata(rate, call.params)
    call.world.emit("tax_rate.created", rate)
    return rate


@route("POST", PATH + "/{id}")
def update(call: Call) -> dict:
    rate = call.world.need("tax_rate", call.id, "tax rate")
    with call.world.changing(rate, "tax_rate.updated"):
        put_fields(rate, call.params, *PLAIN)
        put_metadata(rate, call.params)
    return rate
