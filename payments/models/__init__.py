"""Tables of money: what we asked for, what Stripe told, what it has, and the ledger that adds up."""

from payments.models.calls import OutgoingCall
from payments.models.cancellations import Cancellation
from payments.models.contributions import Contribution
from payments.models.customers import Customer
from payments.models.disputes import ChargeDecision, ChargeRisk, Dispute
from payments.models.gifts import Gift
from payments.models.groups import Group, Seat
from payments.models.intents import CheckoutIntent
from payments.models.journal import JournalLink, Lease, StripeEvent
from payments.models.ledger import LedgerEntry
from payments.models.plans import Plan
from payments.models.receipts import Receipt
from payments.models.reconciliation import ReconcileRun
from payments.models.refunds import RefundIntent
from payments.models.restorations import Restoration
from payments.models.subscriptions import Subscription

__all__ = [
    "Cancellation",
    "ChargeDecision",
    "ChargeRisk",
    "CheckoutIntent",
    "Contribution",
    "Customer",
    "Dispute",
    "Gift",
    "Group",
    "JournalLink",
    "Lease",
    "LedgerEntry",
    "OutgoingCall",
    "Plan",
    "Receipt",
    "ReconcileRun",
    "RefundIntent",
    "Restoration",
    "Seat",
    "StripeEvent",
    "Subscription",
]
