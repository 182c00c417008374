"""Events: what happened, in Stripe's words, kept for the feed and handed to delivery."""

from sandbox.objects import API_VERSION, public, shown


def emit(world, event_type: str, obj: dict, previous: dict | None = None) -> dict:
    """Record an event about `obj` as it is now and queue its deliveries."""
    data = {"object": shown(obj)}
    if previous is not None:
        data["previous_attributes"] = public(previous)
    event = {
        "id": world.ids.new("event"),
        "object": "event",
        "api_version": API_VERSION,
        "created": world.now(obj),
        "data": data,
        "livemode": False,
        "pending_webhooks": 0,
        "request": world.request or {"id": None, "idempotency_key": None},
        "type": event_type,
    }
    world.store.put(event)
    world.delivery.queue(event)
    world.check_shape(event)
    return event
