"""What falls due: renewals, trial ends, retries, expiries. Read by sandbox.clocks."""

from collections.abc import Iterator

from sandbox.billing import balance, invoicing, refunds, settling, standing, subscribing, waiting
from sandbox.clocks import Due, due_source

DAY = 86400


@due_source("subscription")
def of_subscription(world, s: dict) -> Iterator[Due]:
    if s["status"] in subscribing.TERMINAL:
        return
    if s["status"] == "incomplete":
        yield s["created"] + 23 * 3600, s["id"], lambda: expire(world, s)
        return
    end = subscribing.next_end(s)
    if s["cancel_at"] is not None and (s["cancel_at"] <= end or s["status"] == "paused"):  # a pause moves no period on
        yield s["cancel_at"], s["id"], lambda: standing.end(world, s, "cancellation_requested")
    elif s["cancel_at_period_end"]:
        yield end, s["id"], lambda: standing.end(world, s, "cancellation_requested")
    elif s["status"] == "trialing":
        yield s["trial_end"], s["id"], lambda: subscribing.end_trial(world, s)
    elif s["status"] in ("active", "past_due", "unpaid"):
        yield end, s["id"], lambda: subscribing.renew(world, s)
        if s.get("_upcoming_for") != end and s["status"] == "active":
            moment = max(end - 7 * DAY, s["created"])
            yield moment, s["id"] + "!", lambda: subscribing.upcoming(world, s)
    if s["status"] == "trialing" and not s.get("_trial_warned"):
        moment = max(s["trial_end"] - 3 * DAY, s["trial_start"])
        yield moment, s["id"] + "!", lambda: subscribing.warn_of_trial_end(world, s)


@due_source("subscription")
def of_what_waits(world, s: dict) -> Iterator[Due]:
    if s["status"] in subscribing.TERMINAL:
        return
    if s["pending_update"]:
        yield s["pending_update"]["expires_at"], s["id"] + "!", lambda: waiting.expire(world, s)
    if (s["pause_collection"] or {}).get("resumes_at"):
        # "!" sorts first: what is billed at that very second is collected.
        yield s["pause_collection"]["resumes_at"], "!" + s["id"], lambda: collect_again(world, s)


def collect_again(world, subscription: dict) -> None:
    """pause_collection ends by itself at its resumes_at."""
    with world.changing(subscription, "customer.subscription.updated"):
        subscription["pause_collection"] = None


def expire(world, subscription: dict) -> None:
    """23 hours without the first payment: the subscription never was."""
    invoice = world.store.get("invoice", subscription["latest_invoice"] or "")
    if invoice and invoice["status"] == "open":
        invoicing.void(world, invoice)
    standing.end(world, subscription, "payment_failed", status="incomplete_expired")


@due_source("invoice")
def of_invoice(world, i: dict) -> Iterator[Due]:
    if not i["auto_advance"]:
        return
    if i["status"] == "draft" and i["automatically_finalizes_at"]:
        yield i["automatically_finalizes_at"], i["id"], lambda: invoicing.collect(world, i, automatic=True)
    elif i["status"] == "open" and i["next_payment_attempt"]:
        yield i["next_payment_attempt"], i["id"], lambda: invoicing.collect(world, i, automatic=True)


@due_source("charge")
def of_charge(world, c: dict) -> Iterator[Due]:
    if "_settles_at" in c:
        yield c["_settles_at"], c["id"], lambda: settling.settle_late(world, c)


@due_source("payout")
def of_payout(world, p: dict) -> Iterator[Due]:
    if p["status"] == "pending":
        yield p["arrival_date"], p["id"], lambda: balance.arrive(world, p)


@due_source("refund")
def of_refund(world, r: dict) -> Iterator[Due]:
    if "_fails_at" in r:
        yield r["_fails_at"], r["id"], lambda: refunds.fail(world, r)
    elif "_arrives_at" in r:
        yield r["_arrives_at"], r["id"], lambda: refunds.succeed(world, r)
