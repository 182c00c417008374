"""Subscriptions: whatever happened to one, look at it as it is now."""

from kit.database import db
from payments import cancellations, customers, subscriptions
from payments.models import Subscription
from payments.webhooks.handler import Handler


def _write(seen: subscriptions.Look) -> None:
    """Mirror it; and where an end was scheduled elsewhere (the portal, the Dashboard), tell her until when she reads."""
    before = db.session.get(Subscription, seen.subscription_id)
    known_end = before.ends_at if before is not None else None
    row = subscriptions.write(seen)
    if row is None or before is None or row.purpose != "subscription" or row.ended_at is not None or row.ends_at in (None, known_end):
        return
    account_id = customers.account_of(row.customer_id)
    if account_id is not None:
        cancellations.confirm(account_id, row)


_follow = Handler(subscriptions.look, _write)

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
