"""Checkout Sessions: paid at once, paid later, failed later, never paid."""

from payments import checkout
from payments.webhooks.handler import Handler

_follow = Handler(checkout.look, checkout.write)

HANDLERS = {
    "checkout.session.completed": _follow,
    "checkout.session.async_payment_succeeded": _follow,
    "checkout.session.async_payment_failed": _follow,
    "checkout.session.expired": _follow,
}
