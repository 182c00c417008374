"""What waits for an invoice to be paid: a resumption, and a change of plan made with pending_if_incomplete."""

from sandbox.objects import public

DAY = 86400
WAITS = 23 * 3600


def resume_when_paid(world, subscription: dict, invoice: dict) -> None:
    subscription["_resumes_with"] = invoice["id"]
    world.store.put(subscription)


def change_when_paid(world, subscription: dict, before: list[dict], anchor: int) -> None:
    """The invoice of a change was not paid: the subscription stays as it was, the change is kept for a day."""
    items = subscription["items"]["data"]
    subscription["_pending_items"] = public({"data": items})["data"]
    subscription["_pending_invoice"] = subscription["latest_invoice"]
    subscription["pending_update"] = {
        "billing_cycle_anchor": subscription["billing_cycle_anchor"] if subscription["billing_cycle_anchor"] != anchor else None,
        "expires_at": world.now(subscription) + WAITS,
        "subscription_items": subscription["_pending_items"],
        "trial_end": None,
        "trial_from_plan": None,
    }
    subscription["billing_cycle_anchor"] = anchor
    items[:] = before


def is_of_change(subscription: dict | None, invoice: dict) -> bool:
    """Is this the invoice of a change that waits?"""
    return subscription is not None and subscription.get("_pending_invoice") == invoice["id"]


def paid(world, subscription: dict, invoice: dict) -> None:
    """Do what waited for this invoice."""
    if subscription.get("_resumes_with") == invoice["id"]:
        subscription.pop("_resumes_with")
        with world.changing(subscription, "customer.subscription.updated"):
            subscription |= {"status": "active", "status_details": None}
        world.emit("customer.subscription.resumed", subscription)
    if subscription.get("_pending_invoice") == invoice["id"]:
        subscription.pop("_pending_invoice")
        with world.changing(subscription, "customer.subscription.updated"):
            anchor = subscription["pending_update"]["billing_cycle_anchor"]
            subscription["items"]["data"][:] = subscription.pop("_pending_items")
            subscription["billing_cycle_anchor"] = anchor or subscription["billing_cycle_anchor"]
            subscription["pending_update"] = None
        world.emit("customer.subscription.pending_update_applied", subscription)


def expire(world, subscription: dict) -> None:
    """A day passed without the money: the change is forgotten and its invoice void."""
    from sandbox.billing import invoicing

    invoice = world.the("invoice", subscription.pop("_pending_invoice"))
    subscription.pop("_pending_items")
    with world.changing(subscription, "customer.subscription.updated"):
        subscription["pending_update"] = None
    world.emit("customer.subscription.pending_update_expired", subscription)
    if invoice["status"] == "open":
        invoicing.void(world, invoice)
