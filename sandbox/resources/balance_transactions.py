"""/v1/balance_transactions"""

from sandbox.lists import matching, page
from sandbox.routing import Call, route

PATH = "/v1/balance_transactions"


def _settled(world, txn: dict) -> dict:
    """Two days after the fact the money is available; nobody is told."""
    if txn["status"] == "pending" and txn["available_on"] <= world.now(world.store.find(txn["source"])):
        txn["status"] = "available"
        world.store.put(txn)
    return txn


@route("GET", PATH + "/{id}")
def retrieve(call: Call) -> dict:
    return _settled(call.world, call.world.need("balance_transaction", call.id, "balance transaction"))


@route("GET", PATH)
def index(call: Call) -> dict:
    rows = matching(call, call.world.store.all("balance_transaction"), "source", "type", "currency")
    return page(call, [_settled(call.world, row) for row in rows])
