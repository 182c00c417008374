"""Charges, Refunds and Disputes: the money itself. Booked once by its own id, however many events tell it."""

from dataclasses import dataclass, field
from typing import Any

from payments import gateway, ledger
from payments.webhooks.handler import Handler
from payments.webhooks.invoices import subscription_of


@dataclass(frozen=True, slots=True)
class Money:
    """A Charge as it is now, the invoice it paid and of which Subscription (None: a single one), and what went back."""

    charge: dict[str, Any] | None
    invoice: dict[str, Any] | None = None
    subscription: dict[str, Any] | None = None
    refunds: list[dict[str, Any]] = field(default_factory=list)
    dispute: dict[str, Any] | None = None


def look(charge_id: str) -> Money:
    """The Charge and everything that hangs on it."""
    charge = gateway.fetch_charge(charge_id)
    if charge is None:
        return Money(None)
    refunds = gateway.fetch_refunds(charge_id) if charge["amount_refunded"] or charge.get("refunded") else []
    return Money(charge, *_paid_for(charge), refunds)


def look_by_refund(refund_id: str) -> Money:
    """By a Refund: its Charge, and all Refunds of it (a failed one no longer counts as refunded)."""
    refund = gateway.fetch_refund(refund_id)
    charge_id = _id(refund.get("charge")) if refund else None
    charge = gateway.fetch_charge(charge_id) if charge_id else None
    return Money(charge, *_paid_for(charge), gateway.fetch_refunds(charge["id"])) if charge else Money(None)


def look_by_dispute(dispute_id: str) -> Money:
    """By a Dispute: its Charge, and the Dispute with its movements."""
    dispute = gateway.fetch_dispute(dispute_id)
    charge_id = _id(dispute.get("charge")) if dispute else None
    charge = gateway.fetch_charge(charge_id) if charge_id else None
    return Money(charge, *_paid_for(charge), dispute=dispute) if charge else Money(None)


def write(seen: Money) -> None:
    """Payment, fee and receipt, then what went back: a Refund that was told first finds its payment booked."""
    if seen.charge is None:
        return
    ledger.book_charge(seen.charge, invoice=seen.invoice, subscription=seen.subscription)
    if seen.refunds:
        ledger.book_refunds(seen.charge, seen.refunds)
    if seen.dispute is not None:
        ledger.book_dispute(seen.dispute)


def _paid_for(charge: dict[str, Any]) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """The invoice that this Charge's PaymentIntent paid (only the InvoicePayment knows both) and its Subscription."""
    intent = _id(charge.get("payment_intent"))
    paid = gateway.fetch_invoice_payments(payment_intent=intent) if intent else []
    invoice = next((one["invoice"] for one in paid if isinstance(one.get("invoice"), dict)), None)
    subscription_id = subscription_of(invoice) if invoice else None
    return invoice, gateway.fetch_subscription(subscription_id) if subscription_id else None


def _id(value: Any) -> str | None:
    return value["id"] if isinstance(value, dict) else value


_charge, _refund, _dispute = Handler(look, write), Handler(look_by_refund, write), Handler(look_by_dispute, write)

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
}
