"""/v1/balance and /v1/balance_transactions"""

from sandbox.billing import balance
from sandbox.lists import matching, page
from sandbox.routing import Call, route

PATH = "/v1/balance_transactions"


@route("GET", "/v1/balance")
def summary(call: Call) -> dict:
    return balance.summary(call.world)


@route("GET", PATH + "/{id}")
def retrieve(call: Call) -> dict:
    return balance.settled(call.world, call.world.need("balance_transaction", call.id, "balance transaction"))


@route("GET", PATH)
def index(call: Call) -> dict:
    rows = matching(call, "balance_transaction", "source", "type", "currency")
    if "payout" in call.params:
        rows = []  # the sandbox's payouts are by hand: no transaction belongs to one
    return page(call, [balance.settled(call.world, row) for row in rows])
