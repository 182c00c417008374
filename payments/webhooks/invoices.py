"""Invoices: what they say of a Subscription. Their money is told by Charges, so that each payment has one teller."""

from dataclasses import dataclass
from typing import Any

from payments import dunning, following, gateway, subscriptions
from payments.domain.dunning import waits_for_consent
from payments.domain.ledger import id_of
from payments.models import Subscription
from payments.subscriptions import Look
from payments.webhooks.handler import Handler


@dataclass(frozen=True, slots=True)
class Billed:
    """An invoice and the Subscription that it bills, both as they are now; None for an invoice of something else.

    ``consent``: it waits for the reader's word to her bank.
    """

    invoice: dict[str, Any]
    subscription: Look | None
    consent: bool = False


def look(invoice_id: str) -> Billed:
    """The invoice and its Subscription."""
    invoice = gateway.fetch_invoice(invoice_id) or {}
    subscription_id = subscription_of(invoice)
    return Billed(invoice, subscriptions.look(subscription_id) if subscription_id else None)


def look_failed(invoice_id: str) -> Billed:
    """And, if it is open, what its PaymentIntent waits for: another card, or the reader's word to her bank."""
    seen = look(invoice_id)
    if seen.invoice.get("status") != "open":
        return seen
    paid_by = [id_of((one.get("payment") or {}).get("payment_intent")) for one in gateway.fetch_invoice_payments(invoice=invoice_id)]
    intents = [gateway.fetch_payment_intent(one) for one in paid_by if one]
    return Billed(seen.invoice, seen.subscription, any(waits_for_consent(one) for one in intents))


def subscription_of(invoice: dict[str, Any]) -> str | None:
    """The id of the Subscription that an invoice bills (since 2025-03-31 it is under ``parent``)."""
    details = (invoice.get("parent") or {}).get("subscription_details") or {}
    found = details.get("subscription")
    return found["id"] if isinstance(found, dict) else found


def write(seen: Billed) -> None:
    """Follow the Subscription, and tell the reader what is new in it."""
    _follow_and_tell(seen)


def write_failed(seen: Billed) -> None:
    """Follow it, and write to the reader once for each invoice that waits for her: for another card, or for her word."""
    row = _follow_and_tell(seen)
    if row is not None:
        dunning.write_to_reader(row, seen.invoice, consent=seen.consent)


def _follow_and_tell(seen: Billed) -> Subscription | None:
    return following.write(seen.subscription) if seen.subscription is not None else None


_follow, _failed = Handler(look, write), Handler(look_failed, write_failed)

HANDLERS = {
    "invoice.paid": _follow,
    "invoice.payment_failed": _failed,
    "invoice.payment_action_required": _failed,
    "invoice.voided": _follow,
    "invoice.marked_uncollectible": _follow,
}
