"""How a payment's outcome changes the subscription: past_due, retries, the end."""

from sandbox.billing import waiting

DAY = 86400
# After the first failure: three more attempts over two weeks, then what the setting says.
RETRIES = (3 * DAY, 5 * DAY, 6 * DAY)


def _subscription(world, invoice: dict) -> dict | None:
    details = (invoice["parent"] or {}).get("subscription_details")
    return world.the("subscription", details["subscription"]) if details else None


def payment_succeeded(world, invoice: dict) -> None:
    subscription = _subscription(world, invoice)
    if subscription is None:
        return
    waiting.paid(world, subscription, invoice)
    if subscription["status"] in ("incomplete", "past_due", "unpaid"):
        newest = world.store.get("invoice", subscription["latest_invoice"] or "")
        if newest and newest["status"] != "paid":
            return  # older bills say nothing of it: of a renewal that Stripe made meanwhile it is the draft that counts
        # Before customer.subscription.created was said, a change is no news.
        told = None if subscription.get("_unborn") else "customer.subscription.updated"
        with world.changing(subscription, told):
            subscription["status"] = "active"


def _invoices(world, subscription: dict) -> list[dict]:
    return world.store.where("invoice", "subscription", subscription["id"])


def counts(invoice: dict, automatic: bool) -> bool:
    """Whether an attempt is numbered: the first of all, and after it the automatic ones only. A person may try as often as she likes."""
    return automatic or invoice["attempt_count"] == 0


def payment_failed(world, invoice: dict, *, automatic: bool = False, bounced: bool = False) -> None:
    """Record a failed attempt: the next one, or what follows the last. A debit that `bounced` had taken the next one's place."""
    subscription = _subscription(world, invoice)
    numbered = counts(invoice, automatic) or bounced
    attempts = invoice["attempt_count"] + 1
    if not numbered:
        with world.changing(invoice, "invoice.updated"):
            invoice["attempted"] = True
        world.emit("invoice.payment_failed", invoice)
        return
    if waiting.is_of_change(subscription, invoice):
        # The old plan goes on: it is neither behind nor tried again.
        with world.changing(invoice, "invoice.updated"):
            invoice |= {"attempted": True, "attempt_count": attempts, "next_payment_attempt": None}
        world.emit("invoice.payment_failed", invoice)
        return
    # A first invoice is tried again only where the subscription runs already: a bank debit that bounced.
    retry = subscription is not None and subscription["status"] not in ("incomplete", "paused") and attempts <= len(RETRIES)
    with world.changing(invoice, "invoice.updated"):
        invoice |= {
            "attempted": True,
            "attempt_count": attempts,
            "next_payment_attempt": world.now(invoice) + RETRIES[attempts - 1] if retry else None,
            "auto_advance": invoice["auto_advance"] or retry,
        }
    world.emit("invoice.payment_failed", invoice)
    if subscription is None or subscription["status"] in ("canceled", "incomplete", "incomplete_expired", "paused"):
        return
    if retry:
        if subscription["status"] in ("active", "trialing"):
            with world.changing(subscription, "customer.subscription.updated"):
                subscription["status"] = "past_due"
    else:
        exhausted(world, subscription)


def exhausted(world, subscription: dict) -> None:
    """All retries failed: what the account's setting says (`after_retries`: cancel, unpaid or past_due)."""
    wanted = world.settings.get("after_retries", "cancel")
    if wanted == "cancel":
        end(world, subscription, "payment_failed")
    elif wanted == "unpaid" and subscription["status"] != "unpaid":
        with world.changing(subscription, "customer.subscription.updated"):
            subscription["status"] = "unpaid"


def end(world, subscription: dict, reason: str, *, status: str = "canceled", **details: object) -> dict:
    """The subscription is over, now."""
    now = world.now(subscription)
    with world.changing(subscription, None):
        subscription |= {
            "status": status,
            "ended_at": now,
            "canceled_at": subscription["canceled_at"] or now,
            # Once over it says whether it did end with its period.
            "cancel_at_period_end": subscription["cancel_at_period_end"] and now >= (subscription["cancel_at"] or now),
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
