"""What falls due: renewals, trial ends, retries, expiries. Read by sandbox.clocks."""

from collections.abc import Iterator

from sandbox.billing import invoicing, refunds, settling, standing, subscribing
from sandbox.clocks import Due, due_source

DAY = 86400


@due_source
def subscriptions(world, clock: str | None) -> Iterator[Due]:
    for s in world.store.all("subscription"):
        if s["status"] in subscribing.TERMINAL or s["test_clock"] != clock:
            continue
        yield from _of_one(world, s)


def _of_one(world, s: dict) -> Iterator[Due]:
    if s["status"] == "incomplete":
        yield s["created"] + 23 * 3600, s["id"], lambda: expire(world, s)
        return
    end = min(i["current_period_end"] for i in subscribing.items_of(s))
    if s["cancel_at"] is not None and s["cancel_at"] <= end:
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


def expire(world, subscription: dict) -> None:
    """23 hours without the first payment: the subscription never was."""
    invoice = world.store.get("invoice", subscription["latest_invoice"] or "")
    if invoice and invoice["status"] == "open":
        invoicing.void(world, invoice)
    standing.end(world, subscription, "payment_failed", status="incomplete_expired")


@due_source
def invoices(world, clock: str | None) -> Iterator[Due]:
    for i in world.store.all("invoice"):
        if not i["auto_advance"] or i["test_clock"] != clock:
            continue
        if i["status"] == "draft" and i["automatically_finalizes_at"]:
            yield i["automatically_finalizes_at"], i["id"], lambda i=i: invoicing.collect(world, i)
        elif i["status"] == "open" and i["next_payment_attempt"]:
            yield i["next_payment_attempt"], i["id"], lambda i=i: invoicing.collect(world, i)


@due_source
def charges(world, clock: str | None) -> Iterator[Due]:
    for c in world.store.all("charge"):
        if "_settles_at" in c and world.clock_of(c) == clock:
            yield c["_settles_at"], c["id"], lambda c=c: settling.settle_late(world, c)


@due_source
def refunds_under_way(world, clock: str | None) -> Iterator[Due]:
    for r in world.store.all("refund"):
        if "_fails_at" in r and world.clock_of(r) == clock:
            yield r["_fails_at"], r["id"], lambda r=r: refunds.fail(world, r)
        elif "_arrives_at" in r and world.clock_of(r) == clock:
            yield r["_arrives_at"], r["id"], lambda r=r: refunds.succeed(world, r)
