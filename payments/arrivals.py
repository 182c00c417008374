"""She comes back from Checkout: the look that the webhook causes too, done at once, so that her page can tell her."""

from payments import checkout, gateway
from payments.domain.ledger import id_of
from payments.webhooks import charges


def sync(session_id: str, *, patience: float) -> None:
    """Lease, look, write; the caller commits. Raises LeaseBusy, LeaseLost, GatewayUnavailable.

    The same however often and whoever else does it. Of a one-off contribution the payment is booked as well.
    """
    with checkout.held(session_id, patience=patience) as (lease, seen):
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
