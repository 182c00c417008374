"""She comes back from Checkout: the look that the webhook causes too, done at once, so that her page can tell her."""

from payments import checkout, gateway, leases
from payments.domain.ledger import id_of
from payments.models import CheckoutIntent
from payments.webhooks import charges


def sync(intent: CheckoutIntent, customer_id: str | None, *, patience: float) -> None:
    """Lease, look, write; the caller commits. Raises LeaseBusy, LeaseLost, GatewayUnavailable.

    The same however often and whoever else does it. Of a one-off contribution the payment is booked as well.
    """
    session_id = intent.session_id or ""
    with leases.held(customer_id or session_id, patience=patience) as lease:
        seen = checkout.look(session_id)
        money = charges.look(charge_id) if (charge_id := _charge_of(seen)) else charges.Money(None)
        lease.guard()
        checkout.write(seen)
        charges.write(money)


def _charge_of(seen: checkout.Finished) -> str | None:
    session = seen.session or {}
    if session.get("mode") != "payment" or session.get("payment_status") != "paid":
        return None
    payment = gateway.fetch_payment_intent(id_of(session.get("payment_intent")) or "")
    return id_of(payment.get("latest_charge")) if payment else None
