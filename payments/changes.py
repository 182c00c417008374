"""Changes of plan and quantity: what each would cost, now or at the period's end, and taking back one that waits."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kit import clock
from payments import gateway, leases, plans, subscriptions
from payments.domain import changes as rules
from payments.domain import subscriptions as reading
from payments.domain.changes import NotNow, Terms, When
from payments.models import Subscription

PATIENCE = 2.0  # seconds that a page waits for a worker who looks at the same Customer


@dataclass(frozen=True, slots=True)
class Quote:
    """A change that is possible. ``amount`` each ``interval``; ``due_now`` is charged at once (None: nothing is, until ``at``).

    Minor units. ``as_of`` (seconds since 1970) is the instant by which Stripe reckoned: asked with it, it charges the same.
    """

    plan: plans.Offer
    when: When
    due_now: int | None
    at: datetime | None
    as_of: int


def quotes(subscription_id: str, plan_key: str | None, offers: list[plans.Offer], price_ids: dict[str, str]) -> list[Quote]:
    """What each of ``offers`` would cost instead of the present plan. No transaction may be open.

    ``price_ids``: the Price of each offer's key. Raises NotNow, GatewayUnavailable, GatewayRefused.
    """
    found = gateway.fetch_subscription(subscription_id)
    item, as_of = rules.check(found), int(clock.now().timestamp())
    assert found is not None
    made = []
    for offer in offers:
        if offer.key == plan_key or offer.currency != found["currency"]:
            continue
        when = _when(found, item, Terms(offer.interval, offer.amount))
        due = _due(found, rules.swapped(item, price_id=price_ids[offer.key]), as_of) if when == "now" else None
        at = clock.from_timestamp(item["current_period_end"]) if when == "period_end" else None
        made.append(Quote(offer, when, due, at, as_of))
    return made


def seat_due(subscription_id: str) -> int:
    """What one more of the same costs at once, for the rest of the period, minor units (0 in a trial). No transaction may be open.

    Raises NotNow, GatewayUnavailable, GatewayRefused.
    """
    found = gateway.fetch_subscription(subscription_id)
    item = rules.check(found)
    assert found is not None
    if found["status"] == "trialing":
        return 0
    return _due(found, rules.swapped(item, quantity=(item.get("quantity") or 1) + 1), int(clock.now().timestamp()))


def switch(subscription_id: str, customer_id: str, price_id: str, wanted: Terms, as_of: str = "") -> Subscription | None:
    """Put the Subscription on this Price, when the rule says. The caller commits.

    If the charge needs her bank's consent or fails, Stripe keeps the change waiting (``update_expires_at``) and the
    old plan goes on. Raises NotNow, LeaseBusy, LeaseLost, GatewayUnavailable, GatewayRefused.
    """
    with leases.held(customer_id, patience=PATIENCE) as lease:
        found = gateway.fetch_subscription(subscription_id)
        item = rules.check(found)
        assert found is not None
        if item["price"]["id"] == price_id:
            raise NotNow("same")
        when = _when(found, item, wanted)
        let_go(found)
        if when == "period_end":
            schedule = gateway.create_schedule(subscription_id)
            told = {"phases": rules.phases(found, item, price_id, wanted.interval), "end_behavior": "release", "metadata": rules.MADE_BY}
            gateway.update_schedule(schedule["id"], told)
        else:
            stamp = rules.sane_date(as_of, clock.now(), item["current_period_start"])
            gateway.update_subscription(subscription_id, _now(rules.swapped(item, price_id=price_id), trial=when == "free", as_of=stamp))
        seen = subscriptions.look(subscription_id)
        lease.guard()
        return subscriptions.write(seen)


def to_quantity(subscription_id: str, customer_id: str, quantity: int) -> Subscription | None:
    """So many of the same: more are charged at once for the rest of the period, fewer are billed from the next one on.

    What was paid for the running period is not paid again: made fewer and then more, only those beyond it are charged.
    A change of plan that waits for the period's end is then for so many (``retell``, by the job that the look queues).
    The caller commits. Raises ValueError below 1, NotNow, LeaseBusy, LeaseLost, GatewayUnavailable, GatewayRefused.
    """
    if quantity < 1:
        raise ValueError("a Subscription is for one at least")
    with leases.held(customer_id, patience=PATIENCE) as lease:
        found = gateway.fetch_subscription(subscription_id)
        item = rules.check(found)
        assert found is not None
        before, paid = item.get("quantity") or 1, rules.paid_quantity(found, item)
        if quantity < before:
            free = {**_free(item, quantity), "metadata": rules.remembered(paid, item)}
            gateway.update_subscription(subscription_id, free if found["status"] != "trialing" else _free(item, quantity))
        if quantity > before and paid > before:
            gateway.update_subscription(subscription_id, _free(item, min(quantity, paid)))
        if quantity > paid:
            items = rules.swapped(item, quantity=quantity)
            gateway.update_subscription(subscription_id, _now(items, trial=found["status"] == "trialing"))
        seen = subscriptions.look(subscription_id)
        lease.guard()
        return subscriptions.write(seen)


def retell(subscription_id: str, customer_id: str) -> Subscription | None:
    """The quantity has changed: a change of plan that waits is for as many from then on.

    A schedule keeps the quantity that it was made with, and would go back to it at the period's end. The caller commits. Raises LeaseBusy, LeaseLost, GatewayUnavailable, GatewayRefused.
    """
    with leases.held(customer_id, patience=PATIENCE) as lease:
        found = gateway.fetch_subscription(subscription_id)
        if found is not None and rules.outgrown(found):
            gateway.update_schedule(found["schedule"]["id"], {"phases": rules.resized(found), "end_behavior": "release"})
        seen = subscriptions.look(subscription_id)
        lease.guard()
        return subscriptions.write(seen)


def withdraw(subscription_id: str, customer_id: str) -> Subscription | None:
    """Take back the change that waits for the period's end; nothing happens where none does. The caller commits."""
    with leases.held(customer_id, patience=PATIENCE) as lease:
        let_go(gateway.fetch_subscription(subscription_id))
        seen = subscriptions.look(subscription_id)
        lease.guard()
        return subscriptions.write(seen)


def let_go(found: dict[str, Any] | None) -> None:
    """Release the schedule of a Subscription as fetched, if it has one: while it does, Stripe refuses to schedule an end."""
    waits = reading.coming(found) if found is not None else None
    if waits is not None:
        gateway.release_schedule(waits.schedule_id)


def _when(found: dict[str, Any], item: dict[str, Any], wanted: Terms) -> When:
    price = item["price"]
    present = Terms(price["recurring"]["interval"], price["unit_amount"] or 0)
    return rules.when(present, wanted, trial=found["status"] == "trialing")


def _free(item: dict[str, Any], quantity: int) -> dict[str, Any]:
    return {"items": rules.swapped(item, quantity=quantity), "proration_behavior": "none"}


def _now(items: list[dict[str, Any]], *, trial: bool, as_of: int | None = None) -> dict[str, Any]:
    if trial:
        return {"items": items, "proration_behavior": "none"}
    dated = {"proration_date": as_of} if as_of is not None else {}
    return {"items": items, "proration_behavior": "always_invoice", "payment_behavior": "pending_if_incomplete", **dated}


def _due(found: dict[str, Any], items: list[dict[str, Any]], as_of: int) -> int:
    """What Stripe would charge at once, minor units."""
    details = {"items": items, "proration_behavior": "always_invoice", "proration_date": as_of}
    return gateway.preview_invoice({"subscription": found["id"], "subscription_details": details})["amount_due"]
