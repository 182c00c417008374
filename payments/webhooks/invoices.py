"""Invoices: what they say of a Subscription. Their money is told by Charges, so that each payment has one teller."""

from typing import Any

from payments import gateway, subscriptions
from payments.subscriptions import Look
from payments.webhooks.handler import Handler


def look(invoice_id: str) -> Look | None:
    """The Subscription that this invoice bills, as it is now; None for an invoice of something else."""
    subscription_id = subscription_of(gateway.fetch_invoice(invoice_id) or {})
    return subscriptions.look(subscription_id) if subscription_id else None


def subscription_of(invoice: dict[str, Any]) -> str | None:
    """The id of the Subscription that an invoice bills (since 2025-03-31 it is under ``parent``)."""
    details = (invoice.get("parent") or {}).get("subscription_details") or {}
    found = details.get("subscription")
    return found["id"] if isinstance(found, dict) else found


def write(seen: Look | None) -> None:
    if seen is not None:
        subscriptions.write(seen)


_follow = Handler(look, write)

HANDLERS = {
    "invoice.paid": _follow,
    "invoice.payment_failed": _follow,
    "invoice.payment_action_required": _follow,
    "invoice.voided": _follow,
    "invoice.marked_uncollectible": _follow,
}
