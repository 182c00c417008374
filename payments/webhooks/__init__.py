"""Everything that may come in from Stripe, on this one page. The endpoint registered there gets exactly these keys.

What is not here is journaled as ignored. ``invoice.*`` and ``customer.subscription.*`` lead to the same look at one
Subscription; the money is told by ``charge.*`` and ``refund.*`` alone.
"""

from payments.webhooks import charges, checkout, customers, invoices, payment_methods, prices, subscriptions
from payments.webhooks.handler import Handler

HANDLERS: dict[str, Handler] = {
    **checkout.HANDLERS,
    **customers.HANDLERS,
    **payment_methods.HANDLERS,
    **subscriptions.HANDLERS,
    **invoices.HANDLERS,
    **charges.HANDLERS,
    **prices.HANDLERS,
}

__all__ = ["HANDLERS", "Handler"]
