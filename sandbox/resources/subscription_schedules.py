"""/v1/subscription_schedules"""

from sandbox.billing import schedules
from sandbox.errors import StripeError
from sandbox.lists import listable, retrievable
from sandbox.objects import put_fields, put_metadata
from sandbox.routing import Call, route

PATH = "/v1/subscription_schedules"
KIND = "subscription_schedule"

retrievable(KIND, PATH)
listable(KIND, PATH, "customer")


@route("POST", PATH)
def create(call: Call) -> dict:
    world, params = call.world, call.params
    if params.get("from_subscription"):
        return _from_subscription(call)
    if not params.get("customer") or not params.get("phases"):
        raise StripeError.missing_parameter("phases" if params.get("customer") else "customer")
    customer = world.need("customer", params["customer"], "customer", "customer")
    schedule = world.make(KIND, of=customer, customer=customer["id"], test_clock=customer["test_clock"])
    put_fields(schedule, params, "end_behavior")
    put_metadata(schedule, params)
    begin = params.get("start_date", "now")
    begin = world.now(customer) if begin == "now" else begin
    schedule["phases"] = schedules.phases(world, params["phases"], begin)
    world.emit("subscription_schedule.created", schedule)
    if begin <= world.now(customer):
        schedules.start(world, schedule)
    return schedule


def _from_subscription(call: Call) -> dict:
    """A schedule whose one phase is the subscription's current period."""
    world = call.world
    subscription = world.need("subscription", call.params["from_subscription"], "subscription", "from_subscription")
    if subscription["schedule"]:
        raise StripeError.invalid("The subscription has a schedule already.", "from_subscription")
    customer = world.the("customer", subscription["customer"])
    schedule = world.make(KIND, of=customer, customer=customer["id"], test_clock=customer["test_clock"])
    rows = subscription["items"]["data"]
    items = [{"price": i["price"]["id"], "quantity": i["quantity"]} for i in rows]
    given = {"items": items, "end_date": rows[0]["current_period_end"]}
    schedule["phases"] = schedules.phases(world, [given], rows[0]["current_period_start"])
    begin = schedule["phases"][0]
    schedule |= {
        "subscription": subscription["id"],
        "status": "active",
        "current_phase": {"start_date": begin["start_date"], "end_date": begin["end_date"]},
    }
    with world.changing(subscription, "customer.subscription.updated"):
        subscription["schedule"] = schedule["id"]
    world.emit("subscription_schedule.created", schedule)
    return schedule


@route("POST", PATH + "/{id}")
def update(call: Call) -> dict:
    world = call.world
    schedule = world.need(KIND, call.id, "subscription schedule")
    with world.changing(schedule, "subscription_schedule.updated"):
        put_fields(schedule, call.params, "end_behavior")
        put_metadata(schedule, call.params)
        if call.params.get("phases"):
            begin = call.params["phases"][0].get("start_date")
            begin = begin if isinstance(begin, int) else schedule["phases"][0]["start_date"]
            schedule["phases"] = schedules.phases(world, call.params["phases"], begin)
            schedule["_warned"] = False
            if schedule["current_phase"]:
                first = schedule["phases"][0]
                schedule["current_phase"] = {"start_date": first["start_date"], "end_date": first["end_date"]}
    return schedule


@route("POST", PATH + "/{id}/cancel")
def cancel(call: Call) -> dict:
    return schedules.cancel(call.world, call.world.need(KIND, call.id, "subscription schedule"))


@route("POST", PATH + "/{id}/release")
def release(call: Call) -> dict:
    return schedules.release(call.world, call.world.need(KIND, call.id, "subscription schedule"))
