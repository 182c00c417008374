"""/v1/account: whose sandbox this is."""

from sandbox.routing import Call, route

ACCOUNT = "acct_1SIMULATED000001"


@route("GET", "/v1/account")
def retrieve(call: Call) -> dict:
    found = call.world.store.get("account", ACCOUNT)
    return found or call.world.make("account", id=ACCOUNT)


@route("GET", "/v1/accounts/{id}")
def retrieve_by_id(call: Call) -> dict:
    retrieve(call)
    return call.world.need("account", call.id, "account")
