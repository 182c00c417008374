"""Work about money that went back, or that we could not place."""

import structlog

from kit.database import db
from kit.jobs import job
from membership.domain.standing import TERMINAL
from payments import following, gateway, leases, restoring
from payments.webhooks import charges

log = structlog.get_logger("payments.jobs")


@job("payments.end_subscription", attempts=300)  # three days: until it is done the card would be charged
def end_subscription(subscription_id: str, customer_id: str, cause: str) -> None:
    """End a Subscription at Stripe whose money was lost, with the cause written there: fraud or dispute."""
    found = gateway.fetch_subscription(subscription_id)
    if found is not None and found["status"] not in TERMINAL:
        try:
            gateway.update_subscription(subscription_id, {"metadata": {"end_cause": cause}})
            gateway.cancel_subscription(subscription_id)
        except gateway.GatewayRefused as error:
            log.info("stripe did not cancel", subscription=subscription_id, code=error.code)  # ended already, most likely
    following.sync(subscription_id, customer_id, patience=5)
    db.session.commit()


@job("payments.follow_charge", attempts=300)  # three days: until it is done nobody has the payment, nor its receipt
def follow_charge(charge_id: str, customer_id: str) -> None:
    """Look again at a Charge that we could not place: we learnt something of its Customer."""
    with leases.held(customer_id, patience=5) as lease:
        seen = charges.look(charge_id)
        lease.guard()
        with restoring.hushed():
            charges.write(seen)
    db.session.commit()
