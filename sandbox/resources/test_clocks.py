"""/v1/test_helpers/test_clocks"""

from sandbox import clocks
from sandbox.lists import listable, retrievable
from sandbox.routing import Call, route

PATH = "/v1/test_helpers/test_clocks"
KIND = "test_helpers.test_clock"

retrievable(KIND, PATH, "test clock")
listable(KIND, PATH)


@route("POST", PATH)
def create(call: Call) -> dict:
    frozen = call.params["frozen_time"]
    clock = call.world.make(KIND, frozen_time=frozen, created=frozen, name=call.params.get("name"))
    clock["deletes_after"] = frozen + 30 * 86400
    call.world.emit("test_helpers.test_clock.created", clock)
    return clock


@route("POST", PATH + "/{id}/advance")
def advance(call: Call) -> dict:
    clock = call.world.need(KIND, call.id, "test clock")
    clocks.advance(call.world, clock, call.params["frozen_time"])
    return clock


@route("DELETE", PATH + "/{id}")
def delete(call: Call) -> dict:
    world = call.world
    clock = world.need(KIND, call.id, "test clock")
    for customer in world.store.all("customer"):
        if customer["test_clock"] == call.id:
            for subscription in world.store.all("subscription"):
                if subscription["customer"] == customer["id"]:
                    world.store.drop(subscription)
            world.store.drop(customer)
    world.emit("test_helpers.test_clock.deleted", clock)
    world.store.drop(clock)
    return {"id": call.id, "object": KIND, "deleted": True}
