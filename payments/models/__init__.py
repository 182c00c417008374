"""Tables of money: what we asked for, what Stripe told, what it has, and the ledger that adds up."""

from payments.models.contributions import Contribution
from payments.models.customers import Customer
from payments.models.intents import CheckoutIntent
from payments.models.journal import Lease, StripeEvent
from payments.models.ledger import LedgerEntry
from payments.models.plans import Plan
from payments.models.receipts import Receipt
from payments.models.reconciliation import ReconcileRun
from payments.models.refunds import RefundIntent
from payments.models.subscriptions import Subscription

__all__ = [
    "CheckoutIntent",
    "Contribution",
    "Customer",
    "Lease",
    "LedgerEntry",
    "Plan",
    "Receipt",
    "ReconcileRun",
    "RefundIntent",
    "StripeEvent",
    "Subscription",
]
