"""Work that the engine runs about overdue money and about what is to come: a new card tried, mails that look ahead."""

import structlog

from kit.database import db
from kit.jobs import job, schedule
from payments import cancellations, dunning, following, gateway, reminders
from payments.models import Subscription

log = structlog.get_logger("payments.dunning")


@job("payments.retry_invoice", attempts=20)
def retry_invoice(subscription_id: str, customer_id: str, invoice_id: str, method_id: str) -> None:
    """Pay what is overdue with a card that is new, once for each invoice and card; the card that pays is charged from then on.

    Declined is an answer: Stripe tells it by the invoice's own event, which writes to the reader.
    """
    row = db.session.get(Subscription, subscription_id)
    if row is not None and row.ended_at is not None:
        return  # she left while this waited: nothing more is charged
    db.session.rollback()  # no transaction stays open while Stripe is asked
    try:
        bill = gateway.fetch_invoice(invoice_id) or {}
        if bill.get("status") == "draft" and _newest(subscription_id) != invoice_id:
            following.sync(subscription_id, customer_id, patience=5)  # another period has begun since: that one is tried
            dunning.retry_newest(subscription_id, method_id)
            db.session.commit()
            return
        dunning.pay(invoice_id, bill.get("status", ""), {"payment_method": method_id}, f"retry-{invoice_id}-{method_id}")
        gateway.update_subscription(subscription_id, {"default_payment_method": method_id}, f"card-{invoice_id}-{method_id}")
    except gateway.GatewayRefused as error:
        log.info("a new card did not pay", invoice=invoice_id, code=error.code)  # or it was paid meanwhile
    following.sync(subscription_id, customer_id, patience=5)
    db.session.commit()


def _newest(subscription_id: str) -> str | None:
    return ((gateway.fetch_subscription(subscription_id) or {}).get("latest_invoice") or {}).get("id")


@job("payments.forget_cause")
def forget_cause(subscription_id: str, customer_id: str) -> None:
    """Take a cause away that has no end to explain (any more)."""
    cancellations.forget_cause(subscription_id, customer_id)
    db.session.commit()


@job("payments.remind")
def remind() -> None:
    """Once a day: cards that expire, trials and pauses that end, yearly renewals, and the last call before a gate closes."""
    for _batch in reminders.due():
        db.session.commit()
    db.session.commit()


schedule("payments.remind", "11 9 * * *")
