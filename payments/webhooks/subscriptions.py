"""Subscriptions: whatever happened to one, look at it as it is now."""

from payments import following, gateway, subscriptions
from payments.webhooks.handler import Handler


def _look_through_schedule(schedule_id: str) -> subscriptions.Look | None:
    """The Subscription that a schedule changes, or changed; None where there is none (yet)."""
    schedule = gateway.fetch_schedule(schedule_id) or {}
    named = schedule.get("subscription") or schedule.get("released_subscription")
    return subscriptions.look(named) if isinstance(named, str) else None


def _write_if_any(seen: subscriptions.Look | None) -> None:
    if seen is not None:
        following.write(seen)


_follow = Handler(subscriptions.look, following.write)
_scheduled = Handler(_look_through_schedule, _write_if_any)

HANDLERS = {
    "customer.subscription.created": _follow,
    "customer.subscription.updated": _follow,
    "customer.subscription.deleted": _follow,
    "customer.subscription.paused": _follow,
    "customer.subscription.resumed": _follow,
    "customer.subscription.pending_update_applied": _follow,
    "customer.subscription.pending_update_expired": _follow,
    "customer.subscription.trial_will_end": _follow,
    "subscription_schedule.updated": _scheduled,
    "subscription_schedule.released": _scheduled,
    "subscription_schedule.canceled": _scheduled,
}
