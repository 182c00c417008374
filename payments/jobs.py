"""Work that the engine runs for this room: events to apply, books to compare, Subscriptions to cancel."""

from datetime import timedelta

import structlog
from sqlalchemy import exc

from kit import clock
from kit.database import db
from kit.jobs import job, schedule
from payments import alarms, gateway, journal, leases, reconciliation, subscriptions
from payments.domain.reconciliation import Report
from payments.leases import LeaseBusy, LeaseLost

log = structlog.get_logger("payments.jobs")
# The database does not answer, or not now. A row that it refuses (IntegrityError, DataError) is the event's own fault.
TROUBLE = (exc.OperationalError, exc.InterfaceError, exc.TimeoutError)
NIGHTLY = timedelta(days=7)  # a refund or a late fee of an older payment comes with its own new object or event


@job("payments.apply_event")
def apply_event(account: str, event_id: str) -> None:
    """Apply one journaled event. A failure is kept in the journal and does not hold up the queue."""
    try:
        _apply(account, event_id)
    except (LeaseBusy, LeaseLost):
        db.session.rollback()
        journal.again(account, event_id, journal.BUSY_PAUSE)  # not an attempt: somebody is looking at this very Customer
    except TROUBLE:
        raise  # the database is in trouble, so nothing can be noted: the engine tries again
    except Exception as error:  # noqa: BLE001 - a poison event is parked with its error, whatever it is
        db.session.rollback()
        log.warning("event not applied", event_id=event_id, error=type(error).__name__)
        journal.failed(account, event_id, error)
        alarms.parked(account, event_id)
    db.session.commit()


def _apply(account: str, event_id: str) -> None:
    """With all that waits for the same look; if that fails, alone, so that a poison event spoils no other."""
    try:
        journal.apply(account, event_id)
    except (LeaseBusy, LeaseLost, *TROUBLE, gateway.GatewayUnavailable):
        raise
    except Exception:  # noqa: BLE001
        db.session.rollback()
        journal.apply(account, event_id, alone=True)


@job("payments.cancel_subscription", attempts=300)  # three days: until it is done she is charged
def cancel_subscription(subscription_id: str, customer_id: str) -> None:
    """End a Subscription at Stripe now (its account was closed) and follow it."""
    try:
        gateway.cancel_subscription(subscription_id)
    except gateway.GatewayRefused as error:
        log.info("stripe did not cancel", subscription=subscription_id, code=error.code)  # ended already, most likely
    subscriptions.sync(subscription_id, customer_id, patience=5)
    db.session.commit()


@job("payments.follow_subscription")
def follow_subscription(subscription_id: str, customer_id: str) -> None:
    """Look at a Subscription again: we learnt whose its Customer is."""
    subscriptions.sync(subscription_id, customer_id, patience=5)
    db.session.commit()


@job("payments.reconcile")
def reconcile() -> None:
    """Every five minutes: events that Stripe has and we have not, and events that wait strangely long."""
    report, since = Report(), reconciliation.since_last()
    run_id, cursor = reconciliation.begin("events"), int(since.timestamp())
    db.session.commit()
    for newest in reconciliation.catch_up(report, since):
        cursor = newest
        db.session.commit()
    reconciliation.finish(run_id, report, cursor)
    journal.nudge()
    db.session.commit()


@job("payments.reconcile_nightly")
def reconcile_nightly() -> None:
    """Once a night: every Subscription and the money of the last days, compared object by object."""
    report, since = Report(), clock.now() - NIGHTLY
    run_id = reconciliation.begin("walk")
    db.session.commit()
    for _step in reconciliation.walk(report, since):
        db.session.commit()
    reconciliation.finish(run_id, report)
    leases.sweep()
    db.session.commit()


schedule("payments.reconcile", "*/5 * * * *")
schedule("payments.reconcile_nightly", "23 3 * * *")
