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
        return schedules.of_running(world, world.need("subscription", params["from_subscription"], "subscription", "from_subscription"))
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


@route("POST", PATH + "/{id}")
def update(call: Call) -> dict:
    world = call.world
    schedule = world.need(KIND, call.id, "subscription schedule")
    with world.changing(schedule, "subscription_schedule.updated"):
        call.params.tolerate("proration_behavior")
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
                subscription = world.the("subscription", schedule["subscription"])
                with world.changing(subscription, "customer.subscription.updated"):
                    schedules.settle_in(world, subscription, first)
    return schedule


@route("POST", PATH + "/{id}/cancel")
def cancel(call: Call) -> dict:
    call.params.tolerate("invoice_now", "prorate")
    return schedules.cancel(call.world, call.world.need(KIND, call.id, "subscription schedule"))


@route("POST", PATH + "/{id}/release")
def release(call: Call) -> dict:
    call.params.tolerate("preserve_cancel_date")
    return schedules.release(call.world, call.world.need(KIND, call.id, "subscription schedule"))
