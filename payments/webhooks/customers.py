"""Customers: made, changed, deleted. (What a deletion cancels, Stripe tells by the Subscriptions' own events.)"""

from typing import Any

from payments import customers, dunning
from payments.domain.cards import default_of
from payments.webhooks.handler import Handler


def write(found: dict[str, Any]) -> None:
    """Mirror it. Where her default card is another one than before, what is overdue is tried with it."""
    row = customers.write(found)
    chosen = default_of(found)
    method_id = chosen["id"] if isinstance(chosen, dict) else chosen
    if row.deleted:
        row.payment_method_id = None
    if row.payment_method_id == method_id or row.deleted:
        return
    row.payment_method_id = method_id
    dunning.new_default(row.id, method_id)


_follow = Handler(customers.look, write)

HANDLERS = {
    "customer.created": _follow,
    "customer.updated": _follow,
    "customer.deleted": _follow,
}
