"""/v1/payouts and /v1/topups"""

from sandbox.billing import balance
from sandbox.lists import listable, retrievable
from sandbox.objects import put_metadata
from sandbox.routing import Call, route

PATH = "/v1/payouts"

retrievable("payout", PATH)
listable("payout", PATH, "status")
retrievable("topup", "/v1/topups")
listable("topup", "/v1/topups", "status")


@route("POST", PATH)
def create(call: Call) -> dict:
    payout = balance.pay_out(call.world, call.params)
    put_metadata(payout, call.params)
    return payout


@route("POST", PATH + "/{id}")
def update(call: Call) -> dict:
    payout = call.world.need("payout", call.id, "payout")
    with call.world.changing(payout, "payout.updated"):
        put_metadata(payout, call.params)
    return payout


@route("POST", "/v1/topups")
def create_topup(call: Call) -> dict:
    topup = balance.top_up(call.world, call.params)
    put_metadata(topup, call.params)
    return topup
