"""/v1/webhook_endpoints"""

from sandbox.lists import listable, retrievable
from sandbox.objects import public, put_fields, put_metadata
from sandbox.routing import Call, route

PATH = "/v1/webhook_endpoints"

retrievable("webhook_endpoint", PATH, "webhook endpoint")
listable("webhook_endpoint", PATH)


@route("POST", PATH)
def create(call: Call) -> dict:
    endpoint = call.world.make(
        "webhook_endpoint",
        url=call.params["url"],
        enabled_events=call.params["enabled_events"],
        description=call.params.get("description"),
        api_version=call.params.get("api_version"),
    )
    put_metadata(endpoint, call.params)
    endpoint["_secret"] = "whsec_" + call.world.ids.token(32)
    shown = public(endpoint)
    assert isinstance(shown, dict)
    # The secret is told once, in the answer to the creation.
    return shown | {"secret": endpoint["_secret"]}


@route("POST", PATH + "/{id}")
def update(call: Call) -> dict:
    endpoint = call.world.need("webhook_endpoint", call.id, "webhook endpoint")
    with call.world.changing(endpoint, None):
        put_fields(endpoint, call.params, "url", "enabled_events", "description")
        put_metadata(endpoint, call.params)
        if "disabled" in call.params:
            endpoint["status"] = "disabled" if call.params["disabled"] else "enabled"
    return endpoint


@route("DELETE", PATH + "/{id}")
def delete(call: Call) -> dict:
    endpoint = call.world.need("webhook_endpoint", call.id, "webhook endpoint")
    call.world.store.drop(endpoint)
    return {"id": endpoint["id"], "object": "webhook_endpoint", "deleted": True}
