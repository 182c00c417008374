"""Customers: made, changed, deleted. (What a deletion cancels, Stripe tells by the Subscriptions' own events.)"""

from payments import customers
from payments.webhooks.handler import Handler

_follow = Handler(customers.look, customers.write)

HANDLERS = {
    "customer.created": _follow,
    "customer.updated": _follow,
    "customer.deleted": _follow,
}
