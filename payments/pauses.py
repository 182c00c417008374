"""Pausing and going on, by both of Stripe's ways.

A reader's pause is a collection that is paused: what is paid she reads to its end, then nothing is charged and the gate
is shut until she, or Stripe on the day that was agreed, lets it go on. Stripe's other way, ``/pause``, stops at once.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import select

from kit import clock
from kit.database import db
from kit.jobs import enqueue
from membership.models import MembershipSource
from payments import cancellations, gateway, leases, notices, subscriptions
from payments.domain import changes
from payments.domain import pauses as rules
from payments.domain import subscriptions as reading
from payments.domain.changes import NotNow
from payments.models import Subscription
from payments.subscriptions import Look

PATIENCE = 2.0


def choices(row: Subscription) -> list[tuple[int, datetime]]:
    """(months, until) for each pause that she may choose; empty where none is possible."""
    possible = row.status == "active" and row.pause_behavior is None and row.ends_at is None and row.period_end is not None
    return rules.choices(row.period_end) if possible and row.period_end else []


def pause(subscription_id: str, customer_id: str, *, until: datetime) -> Subscription | None:
    """Charge nothing after the paid period until ``until`` (an aware instant after it); then it goes on by itself.

    The caller commits. Raises NotNow ("too-soon" when nothing would be skipped), LeaseBusy, LeaseLost,
    GatewayUnavailable, GatewayRefused.
    """
    with leases.held(customer_id, patience=PATIENCE) as lease:
        found = gateway.fetch_subscription(subscription_id)
        item = changes.check(found)
        if found is not None and found["status"] == "trialing":
            raise NotNow("trial")
        if until.timestamp() <= item["current_period_end"] or until <= clock.now():
            raise NotNow("too-soon")
        collection = {"behavior": "void", "resumes_at": int(until.timestamp())}
        gateway.update_subscription(subscription_id, {"pause_collection": collection, "metadata": {"pause": rules.BY_READER}})
        seen = subscriptions.look(subscription_id)
        lease.guard()
        return cancellations.write(seen)


def halt(subscription_id: str, customer_id: str) -> Subscription | None:
    """Stop it at once (staff): status ``paused``, and the rest of the paid period is credited. The caller commits.

    Raises LeaseBusy, LeaseLost, GatewayUnavailable, GatewayRefused.
    """
    with leases.held(customer_id, patience=PATIENCE) as lease:
        gateway.pause_subscription(subscription_id)
        seen = subscriptions.look(subscription_id)
        lease.guard()
        return cancellations.write(seen)


def resume(subscription_id: str, customer_id: str) -> Subscription | None:
    """It goes on now, whichever way it was paused; where the running period was not paid, a new one begins and is charged.

    Nothing happens to one that is not paused. The caller commits. Raises LeaseBusy, LeaseLost, GatewayUnavailable,
    GatewayRefused (the card was declined, for example).
    """
    with leases.held(customer_id, patience=PATIENCE) as lease:
        found = gateway.fetch_subscription(subscription_id)
        if found is not None:
            _go_on(found)
        seen = subscriptions.look(subscription_id)
        lease.guard()
        return cancellations.write(seen)


def finish(subscription_id: str, customer_id: str) -> Subscription | None:
    """The agreed day has come: it goes on as by ``resume``; or it is over, if she has left meanwhile (in the portal).

    Stripe dates that end by a period which nobody pays for, so it is not waited for and nothing is charged. The caller
    commits. Raises as ``resume``.
    """
    with leases.held(customer_id, patience=5) as lease:
        found = gateway.fetch_subscription(subscription_id)
        if found is not None and rules.is_left(found) and reading.status(reading.read(found)) == "paused":
            gateway.cancel_subscription(subscription_id)
        elif found is not None:
            _go_on(found)
        seen = subscriptions.look(subscription_id)
        lease.guard()
        return cancellations.write(seen)


def shuts_the_gate(row: Subscription) -> bool:
    """Is it paused, and what was paid is used up? Who leaves then has nothing to be read to its end."""
    says = select(MembershipSource.status).where(MembershipSource.kind == "subscription", MembershipSource.source_id == row.id)
    return notices.is_paused(row) and db.session.scalar(says) == "paused"


def _go_on(found: dict[str, Any]) -> None:
    if found["status"] == "paused":
        gateway.resume_subscription(found["id"])
        return
    unpaid = reading.status(reading.read(found)) == "paused"
    if found["status"] != "active" or not (found.get("pause_collection") or unpaid):
        return
    params: dict[str, Any] = {"metadata": {"pause": ""}}
    if found.get("pause_collection"):
        params["pause_collection"] = ""
    if unpaid:
        # The period that was not charged is over with: hers begins today, and Stripe gives no credit for the other.
        items = [{"id": item["id"]} for item in found["items"]["data"]]
        params |= {"items": items, "billing_cycle_anchor": {"type": "now"}, "proration_behavior": "none"}
    gateway.update_subscription(found["id"], params)


def end_if_over(seen: Look) -> None:
    """After a look was written: a reader's pause that Stripe ended on its day begins a new period (a job asks for it)."""
    if seen.found is None or not rules.is_readers(seen.found) or seen.found.get("pause_collection"):
        return
    read = reading.read(seen.found)
    if seen.found["status"] == "active" and reading.status(read) == "paused":
        enqueue("payments.end_pause", read.id, read.customer_id, key=f"{read.id}:{read.period_start}")
