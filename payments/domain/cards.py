"""The card that a Subscription will be charged next, as Stripe chooses it: its own, else its Customer's default."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Card:
    """A PaymentMethod on file. Of one that is no card (a debit) only ``last4`` is known.

    ``expires_at``: the first instant of the month after the one printed on it, in UTC: from then on it is not good.
    """

    method_id: str
    brand: str | None = None
    last4: str | None = None
    expires_at: datetime | None = None


class NotShown(Exception):
    """The answer names a PaymentMethod or Customer without showing it (it was asked for without ``expand``)."""


def on_file(subscription: dict[str, Any]) -> Card | None:
    """The card of a Subscription that was fetched with PaymentMethod and Customer inside; None: there is none. Raises NotShown."""
    own = subscription.get("default_payment_method")
    if own is not None:
        return _card(own)
    customer = subscription.get("customer")
    if not isinstance(customer, dict):
        raise NotShown("customer")
    theirs = default_of(customer)
    return _card(theirs) if theirs is not None else None


def default_of(customer: dict[str, Any]) -> Any:
    """The Customer's default for invoices: a PaymentMethod, its id, or None (a deleted Customer has none)."""
    return (customer.get("invoice_settings") or {}).get("default_payment_method")


def _card(method: Any) -> Card:
    if not isinstance(method, dict):
        raise NotShown("payment_method")
    kind = method.get(method.get("type", "")) or {}
    year, month = kind.get("exp_year"), kind.get("exp_month")
    expires_at = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC) if year and month else None
    return Card(method["id"], kind.get("brand"), kind.get("last4"), expires_at)
