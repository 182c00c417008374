"""Subscriptions: whatever happened to one, look at it as it is now."""

from payments import subscriptions
from payments.webhooks.handler import Handler

_follow = Handler(subscriptions.look, subscriptions.write)

HANDLERS = {
    "customer.subscription.created": _follow,
    "customer.subscription.updated": _follow,
    "customer.subscription.deleted": _follow,
    "customer.subscription.paused": _follow,
    "customer.subscription.resumed": _follow,
    "customer.subscription.pending_update_applied": _follow,
    "customer.subscription.pending_update_expired": _follow,
    "customer.subscription.trial_will_end": _follow,
}
