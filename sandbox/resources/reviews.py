"""/v1/reviews"""

from sandbox.billing import doubts
from sandbox.lists import listable, retrievable
from sandbox.routing import Call, route

PATH = "/v1/reviews"

retrievable("review", PATH)
listable("review", PATH)


@route("POST", PATH + "/{id}/approve")
def approve(call: Call) -> dict:
    return doubts.close_review(call.world, call.world.need("review", call.id, "review"), "approved")
