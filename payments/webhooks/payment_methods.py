"""Cards: put in, renewed by the bank, taken away. Each leads to a look at whose they are.

``payment_intent.payment_failed`` is not here: for a Subscription the invoice tells it (with the page to pay on), for
Checkout its page does, and money that did not move is no fact of the ledger.
"""

from dataclasses import dataclass
from typing import Any

from payments import customers, dunning, gateway
from payments.domain.ledger import id_of
from payments.webhooks.customers import write as write_customer
from payments.webhooks.handler import Handler


@dataclass(frozen=True, slots=True)
class Owned:
    """Whose card it is, as the Customer is now; None for a card that belongs to nobody (any more)."""

    customer: dict[str, Any] | None


def look(method_id: str) -> Owned:
    """By a PaymentMethod."""
    return _owner(gateway.fetch_payment_method(method_id))


def look_by_setup(setup_intent_id: str) -> Owned:
    """By a SetupIntent: a card that was saved without a payment."""
    return _owner(gateway.fetch_setup_intent(setup_intent_id))


def write(seen: Owned) -> None:
    """A new default is tried at once, as when the Customer's own event tells it."""
    if seen.customer is not None:
        write_customer(seen.customer)


def write_renewed(seen: Owned) -> None:
    """The same card with another expiry: what it pays for learns of it."""
    write(seen)
    if seen.customer is not None:
        dunning.changed_card(seen.customer["id"])


def _owner(found: dict[str, Any] | None) -> Owned:
    customer_id = id_of(found.get("customer")) if found else None
    return Owned(customers.look(customer_id) if customer_id else None)


_attached, _renewed = Handler(look, write), Handler(look, write_renewed)

HANDLERS = {
    "payment_method.attached": _attached,
    "payment_method.updated": _renewed,
    "payment_method.automatically_updated": _renewed,
    "setup_intent.succeeded": Handler(look_by_setup, write),
}
