"""Subscription schedules: phases that change a subscription at their dates."""

from collections.abc import Iterator

from sandbox.billing import changing, discounts, periods, standing, subscribing
from sandbox.clocks import Due, due_source
from sandbox.errors import StripeError

DAY = 86400
LIVE = ("not_started", "active")


def phase(world, given: dict, start: int) -> dict:
    """A phase of the schedule as the API shows it. Raises StripeError when it does not begin where the one before it ends."""
    begin = given.get("start_date", start)
    if begin not in ("now", start):
        raise StripeError.invalid("The start date of a phase must be the end of the phase before it.", "phases[1][start_date]")
    items = [_item(world, entry, i) for i, entry in enumerate(given["items"])]
    first = world.store.get("price", items[0]["price"])
    duration = given.get("duration")
    if given.get("end_date"):
        end = given["end_date"]
    elif duration:
        end = periods.add(start, duration["interval"], duration.get("interval_count", 1))
    else:
        end = periods.end_of(first, start)
    return {
        "add_invoice_items": [],
        "application_fee_percent": None,
        "billing_cycle_anchor": None,
        "billing_thresholds": None,
        "collection_method": None,
        "currency": first["currency"],
        "default_payment_method": given.get("default_payment_method"),
        "default_tax_rates": [],
        "description": given.get("description"),
        "discounts": _discounts(given.get("discounts")),
        "end_date": end,
        "invoice_settings": None,
        "items": items,
        "metadata": dict(given.get("metadata") or {}),
        "on_behalf_of": None,
        "proration_behavior": given.get("proration_behavior", "create_prorations"),
        "start_date": start,
        "transfer_data": None,
        "trial_end": None,
    }


def _discounts(given: list[dict] | str | None) -> list[dict]:
    """Which discounts the subscription has in this phase: none are taken over from the phase before."""
    rows = given if isinstance(given, list) else []
    return [{name: row.get(name) for name in ("coupon", "discount", "promotion_code")} for row in rows]


def _item(world, entry: dict, i: int) -> dict:
    from sandbox.resources import prices

    price = prices.of_line(world, entry, f"phases[0][items][{i}]")
    return {
        "billing_thresholds": None,
        "discounts": [],
        "metadata": dict(entry.get("metadata") or {}),
        "plan": price["id"],
        "price": price["id"],
        "quantity": entry.get("quantity", 1),
        "tax_rates": [],
    }


def phases(world, given: list[dict], start: int) -> list[dict]:
    made: list[dict] = []
    for entry in given:
        begin = made[-1]["end_date"] if made else start
        made.append(phase(world, entry, begin))
    return made


def of_running(world, subscription: dict) -> dict:
    """A schedule whose one phase is the subscription's current period."""
    if subscription["schedule"]:
        raise StripeError.invalid("The subscription has a schedule already.", "from_subscription")
    customer = world.the("customer", subscription["customer"])
    schedule = world.make("subscription_schedule", of=customer, customer=customer["id"], test_clock=customer["test_clock"])
    rows = subscribing.items_of(subscription)
    items = [{"price": i["price"]["id"], "quantity": i["quantity"]} for i in rows]
    kept = [{"discount": id_} for id_ in subscription["discounts"]]
    begin, end = rows[0]["current_period_start"], rows[0]["current_period_end"]
    schedule |= {
        "phases": phases(world, [{"items": items, "end_date": end, "discounts": kept}], begin),
        "subscription": subscription["id"],
        "status": "active",
        "current_phase": {"start_date": begin, "end_date": end},
    }
    with world.changing(subscription, "customer.subscription.updated"):
        subscription["schedule"] = schedule["id"]
    world.emit("subscription_schedule.created", schedule)
    return schedule


def change_at_period_end(world, subscription: dict, price: dict) -> dict:
    """As the portal does a downgrade: this period as it is, the next with the other price, then released."""
    schedule = world.store.get("subscription_schedule", subscription["schedule"] or "") or of_running(world, subscription)
    first = schedule["phases"][0]
    quantity = first["items"][0]["quantity"]
    given = {"items": [{"price": price["id"], "quantity": quantity}], "proration_behavior": "none", "discounts": first["discounts"]}
    with world.changing(schedule, "subscription_schedule.updated"):
        schedule["phases"] = [first, phase(world, given, first["end_date"])]
    return schedule


def start(world, schedule: dict) -> None:
    """The first phase begins: the subscription comes into being."""
    from sandbox.billing import invoicing

    first = schedule["phases"][0]
    customer = world.the("customer", schedule["customer"])
    items = [(world.the("price", i["price"]), i["quantity"], i["metadata"]) for i in first["items"]]
    subscription = subscribing.create(
        world, customer, items, coupons=discounts.wanted(world, first["discounts"], customer), metadata=dict(first["metadata"]),
        default_payment_method=first["default_payment_method"], schedule=schedule["id"],
    )  # fmt: skip
    invoice = subscribing.first_invoice(world, subscription)
    if invoice["status"] == "open":
        invoicing.collect(world, invoice)
    if subscription["status"] == "incomplete" and invoice["status"] == "paid":
        subscription["status"] = "active"
    # A schedule's subscription is never incomplete: a first invoice unpaid makes it past due.
    if subscription["status"] == "incomplete":
        subscription["status"] = "past_due"
    subscribing.announce(world, subscription)
    with world.changing(schedule, None):
        schedule |= {"subscription": subscription["id"], "status": "active"}
        schedule["current_phase"] = {"start_date": first["start_date"], "end_date": first["end_date"]}


def current(schedule: dict) -> int:
    """The index of the phase that runs now."""
    begin = schedule["current_phase"]["start_date"]
    return next(i for i, p in enumerate(schedule["phases"]) if p["start_date"] == begin)


def advance(world, schedule: dict) -> None:
    """A phase ends: the next begins, or the schedule is done."""
    index = current(schedule) + 1
    if index >= len(schedule["phases"]):
        finish(world, schedule)
        return
    coming = schedule["phases"][index]
    subscription = world.the("subscription", schedule["subscription"])
    rows = subscribing.items_of(subscription)
    items = []
    for i, entry in enumerate(coming["items"]):
        known = {"id": rows[i]["id"]} if i < len(rows) else {}
        items.append(known | {"price": entry["price"], "quantity": entry["quantity"]})
    items += [{"id": row["id"], "deleted": True} for row in rows[len(coming["items"]) :]]
    with world.changing(subscription, "customer.subscription.updated"):
        settle_in(world, subscription, coming)
        after = changing.items(world, subscription, {"items": items, "proration_behavior": coming["proration_behavior"]})
    if after:
        after()
    with world.changing(schedule, "subscription_schedule.updated"):
        schedule["current_phase"] = {"start_date": coming["start_date"], "end_date": coming["end_date"]}


def settle_in(world, subscription: dict, running: dict) -> None:
    """What a phase says of the whole subscription, from its first moment or from when it was changed."""
    changing.replace_discounts(world, subscription, running["discounts"])
    subscription["metadata"] = subscription["metadata"] | running["metadata"]


def finish(world, schedule: dict) -> None:
    subscription = world.the("subscription", schedule["subscription"])
    if schedule["end_behavior"] == "cancel":
        with world.changing(schedule, None):
            schedule |= {"status": "completed", "completed_at": world.now(schedule), "current_phase": None}
        world.emit("subscription_schedule.completed", schedule)
        standing.end(world, subscription, "cancellation_requested")
        return
    release(world, schedule, done=True)


def release(world, schedule: dict, *, done: bool = False) -> dict:
    """Let the subscription go on by itself."""
    _needs(schedule, LIVE, "released")
    now = world.now(schedule)
    with world.changing(schedule, None):
        schedule |= {
            "status": "completed" if done else "released",
            "completed_at": now if done else None,
            "released_at": None if done else now,
            "released_subscription": schedule["subscription"],
            "current_phase": None,
        }
        subscription = world.store.get("subscription", schedule["subscription"] or "")
        if not done:
            schedule["subscription"] = None
    if subscription:
        with world.changing(subscription, "customer.subscription.updated"):
            subscription["schedule"] = None
    world.emit("subscription_schedule.completed" if done else "subscription_schedule.released", schedule)
    return schedule


def cancel(world, schedule: dict) -> dict:
    """End the schedule and its subscription at once."""
    _needs(schedule, LIVE, "canceled")
    with world.changing(schedule, None):
        schedule |= {"status": "canceled", "canceled_at": world.now(schedule), "current_phase": None}
    world.emit("subscription_schedule.canceled", schedule)
    subscription = world.store.get("subscription", schedule["subscription"] or "")
    if subscription and subscription["status"] not in subscribing.TERMINAL:
        standing.end(world, subscription, "cancellation_requested")
    return schedule


def _needs(schedule: dict, states: tuple[str, ...], deed: str) -> None:
    if schedule["status"] not in states:
        raise StripeError.invalid(f"You cannot have a {schedule['status']} subscription schedule {deed}; it must be {' or '.join(states)}.")


def warn(world, schedule: dict) -> None:
    schedule["_warned"] = True
    world.store.put(schedule)
    world.emit("subscription_schedule.expiring", schedule)


@due_source("subscription_schedule")
def of_schedule(world, s: dict) -> Iterator[Due]:
    if s["status"] not in LIVE:
        return
    if s["status"] == "not_started":
        yield s["phases"][0]["start_date"], s["id"], lambda: start(world, s)
        return
    # "!" sorts first: the phase changes before a renewal at the same second bills it.
    yield s["current_phase"]["end_date"], "!" + s["id"], lambda: advance(world, s)
    last = s["phases"][-1]["end_date"]
    if not s.get("_warned"):
        yield max(last - 7 * DAY, s["created"]), s["id"] + "!", lambda: warn(world, s)
