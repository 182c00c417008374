"""POST /pause and /resume, as the endive API has them: status=paused and what is billed around it."""

from sandbox.billing import changing, invoicing, methods, periods, proration, subscribing, waiting
from sandbox.errors import StripeError


def pause(world, subscription: dict, params: dict) -> dict:
    """Paused at once; the unused time is credited unless `bill_for` says otherwise."""
    if subscription["status"] not in ("active", "trialing", "past_due"):
        raise StripeError.invalid(f"A subscription that is {subscription['status']} cannot be paused.")
    given = params.get("bill_for") or {}
    unused = (given.get("unused_time_from") or {}).get("type", "now")
    params.get("type")  # there is one type only
    if unused != "none" and subscription["status"] == "active":
        for item in subscribing.items_of(subscription):
            at = world.now(subscription) if unused == "now" else item["current_period_start"]
            if item["price"]["unit_amount"]:
                proration.change(world, subscription, item, (item["price"], item["quantity"]), None, at)
    subscribing.pause(world, subscription, "pause_requested")
    if params.get("invoicing_behavior", "pending_invoice_item") == "invoice":
        with world.changing(subscription, "customer.subscription.updated"):
            proration.invoice_now(world, subscription)
    return subscription


def resume(world, subscription: dict, params: dict) -> dict:
    """A new period from now, or the rest of the old rhythm; charged at once. `resume_on_payment_success` stays paused until paid."""
    if subscription["status"] != "paused":
        raise StripeError.invalid(f"Only a paused subscription can be resumed; this one is {subscription['status']}.")
    if subscription.get("_resumes_with"):
        raise StripeError.invalid("This subscription is being resumed: pay or void its latest invoice.")
    unchanged = (params.get("billing_cycle_anchor") or {}).get("type", "now") == "unchanged"
    behaviour = params.get("proration_behavior", "create_prorations")
    at = params.get("proration_date") or world.now(subscription)
    wait = params.get("payment_behavior", "resume_on_payment_attempt") == "resume_on_payment_success"
    now = world.now(subscription)
    with world.changing(subscription, "customer.subscription.updated"):
        invoice = _bill(world, subscription, now, unchanged, behaviour, at)
        if wait and invoice and invoice["status"] == "open":
            waiting.resume_when_paid(world, subscription, invoice)
        else:
            subscription |= {"status": "active", "status_details": None}
    _collect(world, subscription, invoice)
    if not wait or not (invoice and invoice["amount_due"]):
        world.emit("customer.subscription.resumed", subscription)
    return subscription


def _bill(world, subscription: dict, now: int, unchanged: bool, behaviour: str, at: int) -> dict | None:
    """The invoice of the resumption, opened and not charged yet."""
    rows = subscribing.items_of(subscription)
    if not unchanged:
        subscription["billing_cycle_anchor"] = now
        for item in rows:
            item["current_period_start"] = now
            item["current_period_end"] = periods.end_of(item["price"], now)
        changing.end_with_period(subscription)
        lines = subscribing.period_lines(world, subscription)
    else:
        lines = []
        for item in rows:
            while item["current_period_end"] <= now:
                start = item["current_period_end"]
                item["current_period_start"] = start
                item["current_period_end"] = periods.end_of(item["price"], start, subscription["billing_cycle_anchor"])
            if behaviour != "none":
                changing.charge_rest(world, subscription, item, at)
        if behaviour != "always_invoice":
            return None
    return proration.open_invoice(world, subscription, lines)


def _collect(world, subscription: dict, invoice: dict | None) -> None:
    if invoice is None or invoice["status"] != "open":
        return
    customer = world.the("customer", subscription["customer"])
    try:
        invoicing.pay(world, invoice, methods.default_for(world, customer, subscription, invoice))
    except StripeError:
        return  # recorded by pay
