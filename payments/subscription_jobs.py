"""Work about a Subscription that Stripe leaves to us."""

import structlog

from kit.database import db
from kit.jobs import job
from payments import changes, gateway, pauses

log = structlog.get_logger("payments.jobs")


@job("payments.retell_change", attempts=20)
def retell_change(subscription_id: str, customer_id: str) -> None:
    """A change of plan that waits is for another quantity than there is now."""
    try:
        changes.retell(subscription_id, customer_id)
    except gateway.GatewayRefused as error:
        log.warning("stripe did not take the quantity of a change that waits", subscription=subscription_id, code=error.code)
    db.session.commit()


@job("payments.end_pause", attempts=300)  # three days: until it is done she agreed to pay and may not read
def end_pause(subscription_id: str, customer_id: str) -> None:
    """The agreed day has come: a new period begins and is charged, unless she left meanwhile. A declined card leaves it to dunning."""
    try:
        pauses.finish(subscription_id, customer_id)
    except gateway.GatewayRefused as error:
        log.warning("stripe did not let a paused subscription go on", subscription=subscription_id, code=error.code)
    db.session.commit()
