"""/v1/subscriptions"""

from collections.abc import Callable

from sandbox import limits
from sandbox.billing import changing, discounts, invoicing, methods, pausing, proration, standing, subscribing, waiting
from sandbox.errors import StripeError
from sandbox.lists import matching, page, retrievable
from sandbox.objects import plain, public, put_fields, put_metadata
from sandbox.resources import prices
from sandbox.routing import Call, route
from sandbox.search import search_page

PATH = "/v1/subscriptions"

retrievable("subscription", PATH)


@route("GET", PATH)
def index(call: Call) -> dict:
    rows = matching(call, "subscription", "customer", "collection_method", "test_clock")
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
    params.tolerate("off_session", "proration_behavior")
    customer = world.need("customer", params["customer"], "customer", "customer")
    items = _items(call)
    method = (
        methods.resolve(world, params["default_payment_method"], "default_payment_method", customer)
        if params.get("default_payment_method")
        else None
    )
    coupons = discounts.wanted(
        world, params.get("discounts"), customer, sum((p["unit_amount"] or 0) * quantity for p, quantity, _ in items)
    )
    subscription = subscribing.create(
        world, customer, items, trial_end=_trial_end(call, customer), coupons=coupons,
        metadata=dict(params.get("metadata") or {}), description=params.get("description"),
        default_payment_method=method["id"] if method else None,
        collection_method=params.get("collection_method", "charge_automatically"),
        days_until_due=params.get("days_until_due"),
    )  # fmt: skip
    if params.get("trial_settings"):
        subscription["trial_settings"] = plain(params["trial_settings"])
    subscription["payment_settings"] |= plain(params.get("payment_settings") or {})
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
    now = call.world.now(customer)
    if call.params.get("trial_period_days"):
        return now + call.params["trial_period_days"] * 86400
    end = call.params.get("trial_end")
    limits.moment("trial_end", end, now)
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
        world.store.drop(invoice)  # nor must a new card pay for what was never begun
        raise failure
    subscribing.announce(world, subscription)


@route("POST", PATH + "/{id}")
def update(call: Call) -> dict:
    world, params = call.world, call.params
    subscription = world.need("subscription", call.id, "subscription")
    if subscription["status"] in subscribing.TERMINAL and set(params) - {"metadata", "cancellation_details"}:
        raise StripeError.invalid("A canceled subscription can only update its cancellation_details and metadata.")
    behaviour = params.get("payment_behavior", "allow_incomplete")
    params.tolerate("proration_behavior", "proration_date", "off_session")  # they say how, and change nothing by themselves
    before, anchor = public(subscription["items"])["data"], subscription["billing_cycle_anchor"]
    if behaviour == "pending_if_incomplete" and set(params) & {"metadata", "cancel_at", "default_payment_method", "pause_collection"}:
        raise StripeError.invalid(
            "With `payment_behavior=pending_if_incomplete` only items, discounts and dates can be updated.", "payment_behavior"
        )
    strictly = behaviour in ("pending_if_incomplete", "error_if_incomplete")
    with world.changing(subscription, "customer.subscription.updated"):
        _plain(call, subscription)
        deeds = _changes(call, subscription)
        if strictly:
            last = subscription["latest_invoice"]
            _do(deeds)
            _if_unpaid(call, subscription, behaviour, last, before, anchor)
    if not strictly:
        _do(deeds)
    return subscription


def _changes(call: Call, subscription: dict) -> list[Callable[[], None] | None]:
    """What moves money or time; what is to be invoiced afterwards."""
    world, params = call.world, call.params
    after = []
    changing.schedule_end(world, subscription, params)
    if "discounts" in params:
        changing.replace_discounts(world, subscription, params["discounts"])
    if params.get("items") or (params.get("billing_cycle_anchor") or {}).get("type") == "now":
        after.append(changing.items(world, subscription, params))
    if "trial_end" in params:
        limits.moment("trial_end", params["trial_end"], world.now(subscription))
        after.append(changing.trial_end(world, subscription, params["trial_end"]))
    return after


def _do(deeds: list[Callable[[], None] | None]) -> None:
    for deed in deeds:
        if deed:
            deed()


def _plain(call: Call, subscription: dict) -> None:
    world, params = call.world, call.params
    put_metadata(subscription, params)
    put_fields(subscription, params, "description", "days_until_due", "collection_method", "pause_collection", "trial_settings")
    if isinstance(subscription["pause_collection"], dict):
        subscription["pause_collection"].setdefault("resumes_at", None)
    subscription["payment_settings"] |= plain(params.get("payment_settings") or {})
    if "default_payment_method" in params:
        chosen = params["default_payment_method"]
        subscription["default_payment_method"] = methods.resolve(world, chosen)["id"] if chosen else None
    if "cancellation_details" in params:
        put_fields(subscription["cancellation_details"], params["cancellation_details"] or {}, "comment", "feedback")


def _if_unpaid(call: Call, subscription: dict, behaviour: str, last: str | None, before: list[dict], anchor: int) -> None:
    """The change's own invoice was not paid: keep the change pending, or refuse it whole."""
    if subscription["latest_invoice"] in (last, None):
        return
    invoice = call.world.the("invoice", subscription["latest_invoice"])
    if invoice["status"] == "paid":
        return
    subscription["status"] = "active" if subscription["status"] == "past_due" else subscription["status"]
    if behaviour == "pending_if_incomplete":
        waiting.change_when_paid(call.world, subscription, before, anchor)
        return
    subscription["items"]["data"][:] = before
    subscription |= {"billing_cycle_anchor": anchor, "latest_invoice": last}
    invoicing.void(call.world, invoice)
    raise StripeError("Your card was declined.", status=402, kind="card_error", code="card_declined")


@route("DELETE", PATH + "/{id}")
def cancel(call: Call) -> dict:
    world, params = call.world, call.params
    subscription = world.need("subscription", call.id, "subscription")
    if subscription["status"] in subscribing.TERMINAL:
        raise StripeError.missing("subscription", call.id)
    details = params.get("cancellation_details") or {}
    if params.get("prorate") and subscription["status"] in ("active", "past_due"):
        for item in subscribing.items_of(subscription):
            proration.change(world, subscription, item, (item["price"], item["quantity"]), None, world.now(subscription))
    if params.get("invoice_now"):
        proration.invoice_now(world, subscription)
    return standing.end(
        world, subscription, "cancellation_requested",
        **{k: details[k] for k in ("comment", "feedback") if details.get(k)},
    )  # fmt: skip


@route("POST", PATH + "/{id}/pause")
def pause(call: Call) -> dict:
    return pausing.pause(call.world, call.world.need("subscription", call.id, "subscription"), call.params)


@route("POST", PATH + "/{id}/resume")
def resume(call: Call) -> dict:
    return pausing.resume(call.world, call.world.need("subscription", call.id, "subscription"), call.params)


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
