"""/v1/disputes"""

from sandbox.billing import disputes
from sandbox.lists import listable, retrievable
from sandbox.objects import plain, put_metadata
from sandbox.routing import Call, route

PATH = "/v1/disputes"

retrievable("dispute", PATH)
listable("dispute", PATH, "charge", "payment_intent")


@route("POST", PATH + "/{id}")
def update(call: Call) -> dict:
    dispute = call.world.need("dispute", call.id, "dispute")
    if "evidence" in call.params:
        disputes.respond(call.world, dispute, plain(call.params["evidence"] or {}), submit=call.params.get("submit", True))
    if "metadata" in call.params:
        with call.world.changing(dispute, "charge.dispute.updated"):
            put_metadata(dispute, call.params)
    return dispute


@route("POST", PATH + "/{id}/close")
def close(call: Call) -> dict:
    return disputes.close(call.world, call.world.need("dispute", call.id, "dispute"), "lost")
