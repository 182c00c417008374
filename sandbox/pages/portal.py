"""The hosted customer portal: plan, cancellation and its undoing, card, invoices."""

from flask import redirect, render_template, request

from sandbox import clocks
from sandbox.billing import changing, methods, pausing, schedules, setup, subscribing
from sandbox.errors import StripeError
from sandbox.pages import blueprint, the_world
from sandbox.pages.cardform import CardForm, method_of

FEEDBACK = {
    "too_expensive": "It's too expensive",
    "missing_features": "I need something that is not there",
    "switched_service": "I found an alternative",
    "unused": "I no longer need it",
    "customer_service": "Customer service was less than expected",
    "low_quality": "Quality was less than expected",
    "too_complex": "Ease of use was less than expected",
    "other": "Other reason",
}


def cancel(world, subscription: dict, *, feedback: str | None = None, comment: str | None = None) -> dict:
    """Cancel as the portal does under flexible billing: only `cancel_at` is set. Raises StripeError where a schedule decides."""
    changing.must_be_free(subscription)
    end = subscribing.period_end(subscription)
    with world.changing(subscription, "customer.subscription.updated"):
        subscription |= {"cancel_at": end, "canceled_at": world.now(subscription)}
        subscription["cancellation_details"] |= {
            "reason": "cancellation_requested",
            "feedback": feedback or None,
            "comment": comment or None,
        }
    return subscription


def undo(world, subscription: dict) -> dict:
    """Don't cancel: both ways of scheduling are cleared. Raises StripeError where a schedule decides."""
    changing.must_be_free(subscription)
    with world.changing(subscription, "customer.subscription.updated"):
        subscription |= {"cancel_at": None, "cancel_at_period_end": False, "canceled_at": None}
        subscription["cancellation_details"] = {"comment": None, "feedback": None, "reason": None}
    return subscription


def waits_for_period_end(configuration: dict, old: dict, new: dict) -> bool:
    """Whether the configuration wants this change only at the period's end."""
    conditions = configuration["features"]["subscription_update"]["schedule_at_period_end"]["conditions"]
    kinds = {c["type"] for c in conditions}
    shorter = _days(new) < _days(old)
    cheaper = (new["unit_amount"] or 0) / _days(new) < (old["unit_amount"] or 0) / _days(old)
    return ("shortening_interval" in kinds and shorter) or ("decreasing_item_amount" in kinds and cheaper)


def _days(price: dict) -> int:
    return {"day": 1, "week": 7, "month": 30, "year": 360}[price["recurring"]["interval"]] * price["recurring"]["interval_count"]


def change_plan(world, subscription: dict, price: dict, configuration: dict | None = None) -> dict:
    """Swap the first item's price, with proration on the next invoice (at once when the interval changes).

    Where the portal's configuration says so, a change to less comes at the period's end, by a schedule.
    """
    item = subscribing.items_of(subscription)[0]
    if configuration and waits_for_period_end(configuration, item["price"], price):
        schedules.change_at_period_end(world, subscription, price)
        return subscription
    params = {"items": [{"id": item["id"], "price": price["id"]}], "proration_behavior": "create_prorations"}
    with world.changing(subscription, "customer.subscription.updated"):
        after = changing.items(world, subscription, params)
    if after:
        after()
    return subscription


def replace_card(world, customer: dict, method: dict) -> None:
    """The new card becomes the default of the customer and of her subscriptions; the old goes."""
    setup.set_up(world, customer, method, authenticated=True)
    with world.changing(customer, "customer.updated"):
        customer["invoice_settings"]["default_payment_method"] = method["id"]
    for subscription in live(world, customer):
        if subscription["default_payment_method"]:
            with world.changing(subscription, "customer.subscription.updated"):
                subscription["default_payment_method"] = method["id"]
    for old in methods.of_customer(world, customer["id"]):
        if old["id"] != method["id"]:
            methods.detach(world, old)
    retry_open(world, customer)


def retry_open(world, customer: dict, *, changes: bool = False) -> None:
    """A new card retries what is overdue at once; a change of plan that waits is nothing overdue (``changes``: it too)."""
    from sandbox.billing import invoicing

    waiting = (
        set()
        if changes
        else {subscription.get("_pending_invoice") for subscription in world.store.where("subscription", "customer", customer["id"])}
    )
    for invoice in world.store.where("invoice", "customer", customer["id"]):
        if invoice["status"] == "open" and invoice["attempted"] and invoice["id"] not in waiting:
            invoicing.collect(world, invoice)


def live(world, customer: dict) -> list[dict]:
    return [s for s in world.store.where("subscription", "customer", customer["id"]) if s["status"] not in subscribing.TERMINAL]


def offers(world, subscription: dict, configuration: dict) -> list[dict]:
    """The other plans on sale: active recurring prices of the same currency; of the products that the configuration lists, if any."""
    now = subscribing.items_of(subscription)[0]["price"]
    listed = {price for product in configuration["features"]["subscription_update"]["products"] or () for price in product["prices"]}
    return [
        p for p in world.store.all("price")
        if p["active"] and p["recurring"] and p["id"] != now["id"] and p["currency"] == now["currency"]
        and (p["id"] in listed if listed else p["lookup_key"])
    ]  # fmt: skip


# --- the pages -----------------------------------------------------------------------


class Visit:
    """One request to a portal session."""

    def __init__(self, session_id: str):
        self.world = the_world()
        clocks.tick(self.world)
        self.session = self.world.need("billing_portal.session", session_id)
        self.customer = self.world.need("customer", self.session["customer"])
        self.configuration = self.world.need("billing_portal.configuration", self.session["configuration"])
        self.home = f"/pages/portal/{session_id}"

    def subscription(self, id_: str) -> dict:
        found = self.world.need("subscription", id_)
        if found["customer"] != self.customer["id"]:
            raise StripeError.missing("subscription", id_)
        return found

    def needs(self, feature: str) -> None:
        """Raises StripeError when the portal's configuration has that feature off."""
        if not self.configuration["features"][feature]["enabled"]:
            raise StripeError.invalid(f"This portal does not offer {feature}.")

    def page(self, template: str, status: int = 200, **context: object):
        world = self.world
        shown = render_template(
            f"portal/{template}.html", session=self.session, customer=self.customer, home=self.home,
            product_of=lambda price: subscribing.product_of(world, price)["name"],
            back=self.session["return_url"], features=self.configuration["features"], **context,
        )  # fmt: skip
        return shown, status


@blueprint.get("/portal/<session_id>")
def portal_home(session_id: str):
    world = the_world()
    with world.lock:
        visit = Visit(session_id)
        flow = visit.session["flow"]
        if flow and not request.args.get("home"):
            return redirect(_deep_link(visit, flow), 303)
        invoices = [i for i in world.store.where("invoice", "customer", visit.customer["id"]) if i["status"] != "draft"]
        return visit.page(
            "home", subscriptions=live(world, visit.customer), invoices=invoices[::-1],
            cards=methods.of_customer(world, visit.customer["id"]), period_end=subscribing.period_end,
        )  # fmt: skip


def _deep_link(visit: Visit, flow: dict) -> str:
    if flow["type"] == "payment_method_update":
        return f"{visit.home}/card"
    chosen = (flow.get(flow["type"]) or {}).get("subscription")
    word = {"subscription_cancel": "cancel", "subscription_pause": "pause"}.get(flow["type"], "plan")
    return f"{visit.home}/{word}/{chosen}"


@blueprint.get("/portal/<session_id>/pause/<subscription_id>")
def portal_pause_page(session_id: str, subscription_id: str):
    with the_world().lock:
        visit = Visit(session_id)
        return visit.page("pause", subscription=visit.subscription(subscription_id))


@blueprint.post("/portal/<session_id>/pause/<subscription_id>")
def portal_pause(session_id: str, subscription_id: str):
    """Pause, or resume what is paused."""
    with the_world().lock:
        visit = Visit(session_id)
        subscription = visit.subscription(subscription_id)
        if subscription["status"] == "paused":
            pausing.resume(visit.world, subscription, {})
        else:
            visit.needs("subscription_pause")
            pausing.pause(visit.world, subscription, {})
        return redirect(visit.home + "?home=1", 303)


@blueprint.get("/portal/<session_id>/cancel/<subscription_id>")
def portal_cancel_page(session_id: str, subscription_id: str):
    with the_world().lock:
        visit = Visit(session_id)
        visit.needs("subscription_cancel")
        subscription = visit.subscription(subscription_id)
        return visit.page("cancel", subscription=subscription, end=subscribing.period_end(subscription), reasons=FEEDBACK)


@blueprint.post("/portal/<session_id>/cancel/<subscription_id>")
def portal_cancel(session_id: str, subscription_id: str):
    with the_world().lock:
        visit = Visit(session_id)
        visit.needs("subscription_cancel")
        feedback = request.form.get("feedback")
        cancel(
            visit.world, visit.subscription(subscription_id),
            feedback=feedback if feedback in FEEDBACK else None, comment=request.form.get("comment"),
        )  # fmt: skip
        return redirect(visit.home + "?home=1", 303)


@blueprint.post("/portal/<session_id>/undo/<subscription_id>")
def portal_undo(session_id: str, subscription_id: str):
    with the_world().lock:
        visit = Visit(session_id)
        undo(visit.world, visit.subscription(subscription_id))
        return redirect(visit.home + "?home=1", 303)


@blueprint.get("/portal/<session_id>/plan/<subscription_id>")
def portal_plan_page(session_id: str, subscription_id: str):
    with the_world().lock:
        visit = Visit(session_id)
        visit.needs("subscription_update")
        subscription = visit.subscription(subscription_id)
        return visit.page("plan", subscription=subscription, offers=offers(visit.world, subscription, visit.configuration))


@blueprint.post("/portal/<session_id>/plan/<subscription_id>")
def portal_plan(session_id: str, subscription_id: str):
    with the_world().lock:
        visit = Visit(session_id)
        visit.needs("subscription_update")
        subscription = visit.subscription(subscription_id)
        price = visit.world.need("price", request.form.get("price", ""))
        if price not in offers(visit.world, subscription, visit.configuration):
            raise StripeError.invalid("This plan is not on sale.", "price")
        change_plan(visit.world, subscription, price, visit.configuration)
        return redirect(visit.home + "?home=1", 303)


@blueprint.get("/portal/<session_id>/card")
def portal_card_page(session_id: str):
    with the_world().lock:
        visit = Visit(session_id)
        visit.needs("payment_method_update")
        return visit.page("card", typed=CardForm(), error=None)


@blueprint.post("/portal/<session_id>/card")
def portal_card(session_id: str):
    form = request.form
    typed = CardForm(form.get("card_number", ""), form.get("expiry", ""), form.get("cvc", ""), form.get("name", ""))
    with the_world().lock:
        visit = Visit(session_id)
        visit.needs("payment_method_update")
        try:
            method = method_of(visit.world, typed, of=visit.customer, email=visit.customer["email"])
            replace_card(visit.world, visit.customer, method)
        except StripeError as error:
            return visit.page("card", 402, typed=typed, error=error)
        return redirect(visit.home + "?home=1", 303)
