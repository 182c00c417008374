"""Invoices: what they say of a Subscription. Their money is told by Charges, so that each payment has one teller."""

from dataclasses import dataclass
from typing import Any

from payments import dunning, gateway, subscriptions
from payments.subscriptions import Look
from payments.webhooks.handler import Handler


@dataclass(frozen=True, slots=True)
class Billed:
    """An invoice and the Subscription that it bills, both as they are now; None for an invoice of something else."""

    invoice: dict[str, Any]
    subscription: Look | None


def look(invoice_id: str) -> Billed:
    """The invoice and its Subscription."""
    invoice = gateway.fetch_invoice(invoice_id) or {}
    subscription_id = subscription_of(invoice)
    return Billed(invoice, subscriptions.look(subscription_id) if subscription_id else None)


def subscription_of(invoice: dict[str, Any]) -> str | None:
    """The id of the Subscription that an invoice bills (since 2025-03-31 it is under ``parent``)."""
    details = (invoice.get("parent") or {}).get("subscription_details") or {}
    found = details.get("subscription")
    return found["id"] if isinstance(found, dict) else found


def write(seen: Billed) -> None:
    """Follow the Subscription."""
    if seen.subscription is not None:
        subscriptions.write(seen.subscription)


def write_failed(seen: Billed) -> None:
    """Follow it, and write to the reader once for each invoice that still waits for a card that works."""
    row = subscriptions.write(seen.subscription) if seen.subscription is not None else None
    if row is not None:
        dunning.write_to_reader(row, seen.invoice)


_follow, _failed = Handler(look, write), Handler(look, write_failed)

HANDLERS = {
    "invoice.paid": _follow,
    "invoice.payment_failed": _failed,
    "invoice.payment_action_required": _failed,
    "invoice.voided": _follow,
    "invoice.marked_uncollectible": _follow,
}
