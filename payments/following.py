"""Following a Subscription, whoever looks: mirrored, its membership, why it ends, and what is new in it told to the reader.

Webhooks, jobs and the thanks page write through here. Who wrote without telling would leave nothing new for the event
that comes after, and the reader would never hear of it.
"""

from payments import cancellations, leases, pauses, subscriptions
from payments.models import Subscription
from payments.subscriptions import Look


def write(seen: Look) -> Subscription | None:
    """Take over what was seen and tell what is new, in the caller's transaction; the same however often."""
    row = cancellations.write(seen)
    if row is not None:
        pauses.end_if_over(seen)
    return row


def sync(subscription_id: str, customer_id: str, *, patience: float = 0.0) -> Subscription | None:
    """Lease, look, write; the caller commits. Raises LeaseBusy, LeaseLost, GatewayUnavailable."""
    with leases.held(customer_id, patience=patience) as lease:
        seen = subscriptions.look(subscription_id)
        lease.guard()
        return write(seen)
