"""How a payment's outcome changes the subscription: past_due, retries, the end."""

DAY = 86400
# After the first failure: three more attempts over two weeks, then the subscription ends.
RETRIES = (3 * DAY, 5 * DAY, 6 * DAY)


def _subscription(world, invoice: dict) -> dict | None:
    details = (invoice["parent"] or {}).get("subscription_details")
    return world.the("subscription", details["subscription"]) if details else None


def payment_succeeded(world, invoice: dict) -> None:
    subscription = _subscription(world, invoice)
    if subscription and subscription["status"] in ("incomplete", "past_due", "unpaid"):
        if any(i["status"] == "open" for i in _invoices(world, subscription)):
            return
        # Before customer.subscription.created was said, a change is no news.
        told = None if subscription.get("_unborn") else "customer.subscription.updated"
        with world.changing(subscription, told):
            subscription["status"] = "active"


def _invoices(world, subscription: dict) -> list[dict]:
    return [i for i in world.store.all("invoice") if _subscription(world, i) is subscription]


def payment_failed(world, invoice: dict, *, action_required: bool = False) -> None:
    """Record a failed attempt: next attempt or the end of the subscription."""
    subscription = _subscription(world, invoice)
    attempts = invoice["attempt_count"] + 1
    first = invoice["billing_reason"] == "subscription_create"
    retry = subscription is not None and not first and attempts <= len(RETRIES)
    with world.changing(invoice, "invoice.updated"):
        invoice |= {
            "attempted": True,
            "attempt_count": attempts,
            "next_payment_attempt": world.now(invoice) + RETRIES[attempts - 1] if retry else None,
        }
    world.emit("invoice.payment_failed", invoice)
    if subscription is None or first or subscription["status"] in ("canceled", "incomplete"):
        return
    if retry:
        if subscription["status"] in ("active", "trialing"):
            with world.changing(subscription, "customer.subscription.updated"):
                subscription["status"] = "past_due"
    elif not action_required:
        end(world, subscription, "payment_failed")


def end(world, subscription: dict, reason: str, *, status: str = "canceled", **details: object) -> dict:
    """The subscription is over, now."""
    now = world.now(subscription)
    with world.changing(subscription, None):
        subscription |= {
            "status": status,
            "ended_at": now,
            "canceled_at": subscription["canceled_at"] or now,
            "cancel_at_period_end": False,
        }
        subscription["cancellation_details"] |= {"reason": reason} | details
    for invoice in _invoices(world, subscription):
        if invoice["status"] in ("open", "draft") and invoice["auto_advance"]:
            with world.changing(invoice, "invoice.updated"):
                invoice |= {"auto_advance": False, "next_payment_attempt": None}
    if status == "incomplete_expired":
        world.emit("customer.subscription.updated", subscription, {"status": "incomplete", "ended_at": None})
    else:
        world.emit("customer.subscription.deleted", subscription)
    return subscription
