"""/v1/events: the feed of the last 30 days, and sending one again."""

from sandbox.errors import StripeError
from sandbox.lists import page, retrievable
from sandbox.routing import Call, route

PATH = "/v1/events"
KEPT = 30 * 86400

retrievable("event", PATH)


@route("GET", PATH)
def index(call: Call) -> dict:
    world, params = call.world, call.params
    if "type" in params and "types" in params:
        raise StripeError.invalid("You may pass either `type` or `types`, but not both.", "type")
    rows = [e for e in world.store.all("event") if e["created"] > world.now(e["data"]["object"]) - KEPT]
    wanted = params.get("types") or ([params["type"]] if "type" in params else None)
    if wanted is not None:
        rows = [e for e in rows if any(_fits(e["type"], w) for w in wanted)]
    if "delivery_success" in params:
        rows = [e for e in rows if (e["pending_webhooks"] == 0) == params["delivery_success"]]
    if "related_object" in params:
        rows = [e for e in rows if e["data"]["object"].get("id") == params["related_object"]]
    return page(call, rows)


def _fits(event_type: str, wanted: str) -> bool:
    return event_type.startswith(wanted[:-1]) if wanted.endswith("*") else event_type == wanted


@route("POST", PATH + "/{id}/retry")
def retry(call: Call) -> dict:
    """What the Dashboard's and the CLI's "resend" does."""
    event = call.world.need("event", call.id)
    call.world.delivery.resend(event)
    return event
