"""/v1/subscriptions"""

from sandbox.billing import changing, discounts, invoicing, methods, standing, subscribing
from sandbox.errors import StripeError
from sandbox.lists import matching, page, retrievable
from sandbox.objects import put_fields, put_metadata
from sandbox.resources import prices
from sandbox.routing import Call, route
from sandbox.search import search_page

PATH = "/v1/subscriptions"

retrievable("subscription", PATH)


@route("GET", PATH)
def index(call: Call) -> dict:
    rows = matching(call, call.world.store.all("subscription"), "customer", "collection_method", "test_clock")
    status = call.params.get("status")
    if status == "ended":
        rows = [s for s in rows if s["status"] in subscribing.TERMINAL]
    elif status is None:
        rows = [s for s in rows if s["status"] != "canceled"]
    elif status != "all":
        rows = [s for s in rows if s["status"] == status]
    if call.params.get("price"):
        rows = [s for s in rows if any(i["price"]["id"] == call.params["price"] for i in s["items"]["data"])]
    return page(call, rows)


@route("POST", PATH)
def create(call: Call) -> dict:
    world, params = call.world, call.params
    customer = world.need("customer", params["customer"], "customer", "customer")
    items = _items(call)
    method = (
        methods.resolve(world, params["default_payment_method"], "default_payment_method", customer)
        if params.get("default_payment_method")
        else None
    )
    coupons = discounts.wanted(world, params.get("discounts"))
    subscription = subscribing.create(
        world, customer, items, trial_end=_trial_end(call, customer), coupons=coupons,
        metadata=dict(params.get("metadata") or {}), description=params.get("description"),
        default_payment_method=method["id"] if method else None,
        collection_method=params.get("collection_method", "charge_automatically"),
        days_until_due=params.get("days_until_due"),
    )  # fmt: skip
    if params.get("trial_settings"):
        subscription["trial_settings"] = params["trial_settings"]
    changing.schedule_end(world, subscription, params)
    begin(call, subscription, customer, method)
    return subscription


def _items(call: Call) -> list[tuple[dict, int, dict]]:
    given = call.params.get("items") or []
    if not given:
        raise StripeError.missing_parameter("items")
    return [
        (
            prices.of_line(call.world, entry, f"items[{i}]"),
            entry.get("quantity", 1),
            dict(entry.get("metadata") or {}),
        )
        for i, entry in enumerate(given)
    ]


def _trial_end(call: Call, customer: dict) -> int | None:
    if call.params.get("trial_period_days"):
        return call.world.now(customer) + call.params["trial_period_days"] * 86400
    end = call.params.get("trial_end")
    return end if isinstance(end, int) else None


def begin(call: Call, subscription: dict, customer: dict, method: dict | None) -> None:
    """The first invoice, its payment by payment_behavior, and customer.subscription.created."""
    world, behaviour = call.world, call.params.get("payment_behavior", "allow_incomplete")
    invoice = subscribing.first_invoice(world, subscription)
    method = method or methods.default_for(world, customer)
    failure = None
    if invoice["status"] == "open":
        if subscription["collection_method"] == "send_invoice":
            subscription["status"] = "active"
        elif behaviour != "default_incomplete":
            try:
                invoicing.pay(world, invoice, method)
            except StripeError as error:
                failure = error
    elif subscription["status"] == "incomplete":
        subscription["status"] = "active"
    if failure and (behaviour == "error_if_incomplete" or failure.status == 400):
        world.store.drop(subscription)
        raise failure
    subscribing.announce(world, subscription)


@route("POST", PATH + "/{id}")
def update(call: Call) -> dict:
    world, params = call.world, call.params
    subscription = world.need("subscription", call.id, "subscription")
    if subscription["status"] in subscribing.TERMINAL and set(params) - {"metadata", "cancellation_details"}:
        raise StripeError.invalid("A canceled subscription can only update its cancellation_details and metadata.")
    after: list = []
    with world.changing(subscription, "customer.subscription.updated"):
        put_metadata(subscription, params)
        put_fields(subscription, params, "description", "days_until_due", "collection_method", "pause_collection", "trial_settings")
        if isinstance(subscription["pause_collection"], dict):
            subscription["pause_collection"].setdefault("resumes_at", None)
        if "default_payment_method" in params:
            chosen = params["default_payment_method"]
            subscription["default_payment_method"] = methods.resolve(world, chosen)["id"] if chosen else None
        if "cancellation_details" in params:
            put_fields(subscription["cancellation_details"], params["cancellation_details"] or {}, "comment", "feedback")
        changing.schedule_end(world, subscription, params)
        if "discounts" in params:
            changing.replace_discounts(world, subscription, params["discounts"])
        if params.get("items"):
            after.append(changing.items(world, subscription, params))
        if "trial_end" in params:
            after.append(changing.trial_end(world, subscription, params["trial_end"]))
    for deed in after:
        if deed:
            deed()
    return subscription


@route("DELETE", PATH + "/{id}")
def cancel(call: Call) -> dict:
    world = call.world
    subscription = world.need("subscription", call.id, "subscription")
    if subscription["status"] in subscribing.TERMINAL:
        raise StripeError.missing("subscription", call.id)
    details = call.params.get("cancellation_details") or {}
    return standing.end(
        world, subscription, "cancellation_requested",
        **{k: details[k] for k in ("comment", "feedback") if details.get(k)},
    )  # fmt: skip


@route("POST", PATH + "/{id}/pause")
def pause(call: Call) -> dict:
    subscription = call.world.need("subscription", call.id, "subscription")
    if subscription["status"] not in ("active", "trialing", "past_due"):
        raise StripeError.invalid(f"A subscription that is {subscription['status']} cannot be paused.")
    return subscribing.pause(call.world, subscription, "pause_requested")


@route("POST", PATH + "/{id}/resume")
def resume(call: Call) -> dict:
    subscription = call.world.need("subscription", call.id, "subscription")
    if subscription["status"] != "paused":
        raise StripeError.invalid(f"Only a paused subscription can be resumed; this one is {subscription['status']}.")
    return changing.resume(call.world, subscription)


@route("DELETE", PATH + "/{id}/discount")
def delete_discount(call: Call) -> dict:
    subscription = call.world.need("subscription", call.id, "subscription")
    gone = (subscription["discounts"] or [""])[0]
    with call.world.changing(subscription, "customer.subscription.updated"):
        subscription["discounts"] = []
    return {"id": gone, "object": "discount", "deleted": True}


@route("GET", PATH + "/search")
def search(call: Call) -> dict:
    return search_page(call, call.world.store.all("subscription"))
