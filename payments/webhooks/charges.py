"""Charges, Refunds, Disputes, Reviews and warnings of fraud: the money itself. Booked once by its own id, however often told.

A Dispute's, a Review's and a warning's row is written by its own events alone: they name no Customer, so the lease that
puts their looks in order is on the object itself. The Subscription behind the money is looked at by a job of its own.
"""

from dataclasses import dataclass
from typing import Any

from payments import disputes, gateway, gifts, ledger, risks, withheld
from payments.webhooks.handler import Handler
from payments.webhooks.invoices import subscription_of

Stripes = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Money:
    """A Charge as it is now, the invoice it paid and of which Subscription (None: a single one), what went back of it
    (None: not looked at), and what is thought of it."""

    charge: Stripes | None
    invoice: Stripes | None = None
    subscription: Stripes | None = None
    refunds: list[Stripes] | None = None
    dispute: Stripes | None = None
    review: Stripes | None = None
    warning: Stripes | None = None


def look(charge_id: str) -> Money:
    """The Charge and everything that hangs on it."""
    charge = gateway.fetch_charge(charge_id)
    if charge is None:
        return Money(None)
    refunds = gateway.fetch_refunds(charge_id) if charge["amount_refunded"] or charge.get("refunded") else []
    return Money(charge, *_paid_for(charge), refunds)


def look_by_refund(refund_id: str) -> Money:
    """By a Refund: its Charge, and all Refunds of it (a failed one no longer counts as refunded)."""
    charge = _charge_of(gateway.fetch_refund(refund_id))
    return Money(charge, *_paid_for(charge), gateway.fetch_refunds(charge["id"])) if charge else Money(None)


def look_by_dispute(dispute_id: str) -> Money:
    """By a Dispute: its Charge, and the Dispute with its movements."""
    dispute = gateway.fetch_dispute(dispute_id)
    charge = _charge_of(dispute)
    return Money(charge, *_paid_for(charge), dispute=dispute) if charge else Money(None)


def look_by_review(review_id: str) -> Money:
    """By a Review: its Charge, with its Refunds (a closed one may have given it back)."""
    review = gateway.fetch_review(review_id)
    charge = _charge_of(review)
    return Money(charge, *_paid_for(charge), gateway.fetch_refunds(charge["id"]), review=review) if charge else Money(None)


def look_by_warning(warning_id: str) -> Money:
    """By a network's early warning of fraud: its Charge."""
    warning = gateway.fetch_early_fraud_warning(warning_id)
    charge = _charge_of(warning)
    return Money(charge, *_paid_for(charge), warning=warning) if charge else Money(None)


def write(seen: Money) -> None:
    """Payment, fee and receipt, then what went back: a Refund that was told first finds its payment booked."""
    if seen.charge is None:
        return
    ledger.book_charge(seen.charge, invoice=seen.invoice, subscription=seen.subscription)
    if seen.refunds:
        ledger.book_refunds(seen.charge, seen.refunds)
    if seen.dispute is not None:
        ledger.book_dispute(seen.dispute)
        disputes.write(seen.dispute)
        gifts.settle(seen.charge["id"])  # one that is lost makes a gift void
    risks.write(seen.charge, seen.review, seen.warning, seen.refunds)
    if seen.refunds or seen.dispute is not None or withheld.stands(seen.charge["id"]):
        withheld.follow_again(seen.charge["id"])


def _charge_of(found: Stripes | None) -> Stripes | None:
    """The Charge that a Refund, Dispute, Review or warning is about."""
    charge_id = _id(found.get("charge")) if found else None
    return gateway.fetch_charge(charge_id) if charge_id else None


def _paid_for(charge: Stripes) -> tuple[Stripes | None, Stripes | None]:
    """The invoice that this Charge's PaymentIntent paid (only the InvoicePayment knows both) and its Subscription."""
    intent = _id(charge.get("payment_intent"))
    paid = gateway.fetch_invoice_payments(payment_intent=intent) if intent else []
    invoice = next((one["invoice"] for one in paid if isinstance(one.get("invoice"), dict)), None)
    subscription_id = subscription_of(invoice) if invoice else None
    return invoice, gateway.fetch_subscription(subscription_id) if subscription_id else None


def _id(value: Any) -> str | None:
    return value["id"] if isinstance(value, dict) else value


_charge, _refund, _dispute = Handler(look, write), Handler(look_by_refund, write), Handler(look_by_dispute, write)
_review, _warning = Handler(look_by_review, write), Handler(look_by_warning, write)

HANDLERS = {
    "charge.succeeded": _charge,
    "charge.updated": _charge,
    "charge.captured": _charge,
    "charge.refunded": _charge,
    "charge.failed": _charge,
    "refund.created": _refund,
    "refund.updated": _refund,
    "refund.failed": _refund,
    "charge.dispute.created": _dispute,
    "charge.dispute.updated": _dispute,
    "charge.dispute.closed": _dispute,
    "charge.dispute.funds_withdrawn": _dispute,
    "charge.dispute.funds_reinstated": _dispute,
    "review.opened": _review,
    "review.closed": _review,
    "radar.early_fraud_warning.created": _warning,
    "radar.early_fraud_warning.updated": _warning,
}
