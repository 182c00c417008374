"""Work that the engine runs for this room: books to compare, Subscriptions to cancel. (Events: journal_jobs.py.)"""

from collections.abc import Generator
from contextlib import contextmanager

import structlog

from kit import timekeeping
from kit.database import db
from kit.jobs import enqueue, job, schedule, watch
from payments import alarms, following, gateway, leases, reconciliation, restoring
from payments import timekeeping as payments_time
from payments.domain.reconciliation import Report

log = structlog.get_logger("payments.jobs")


@job("payments.cancel_subscription", attempts=300)  # three days: until it is done she is charged
def cancel_subscription(subscription_id: str, customer_id: str) -> None:
    """End a Subscription at Stripe now (its account was closed) and follow it."""
    try:
        gateway.cancel_subscription(subscription_id)
    except gateway.GatewayRefused as error:
        log.info("stripe did not cancel", subscription=subscription_id, code=error.code)  # ended already, most likely
    following.sync(subscription_id, customer_id, patience=5)
    db.session.commit()


@job("payments.follow_subscription", attempts=300)  # three days: whoever waits for it reads without right, or may not though she paid
def follow_subscription(subscription_id: str, customer_id: str) -> None:
    """Look at a Subscription again: we learnt whose its Customer is."""
    following.sync(subscription_id, customer_id, patience=5)
    db.session.commit()


@watch("payments.keep_time")
def keep_time() -> int:
    """Keep time; the look itself asks nobody unless it is due."""
    if timekeeping.due():
        payments_time.keep()
        db.session.commit()
    return 0


@job("payments.reconcile")
def reconcile() -> None:
    """Every five minutes: events that Stripe has and we have not."""
    with _telling():
        _catch_up()


@job("payments.reconcile_nightly")
def reconcile_nightly() -> None:
    """Once a night: every Subscription and the money since the last walk and a week before, compared object by object."""
    with _telling():
        _walk()


@contextmanager
def _telling() -> Generator[None]:
    """A key that Stripe refuses, and a clock that is not Stripe's, are told to whoever can mend it."""
    try:
        yield
    except gateway.KeyRefused as error:
        db.session.rollback()
        alarms.key_refused(error)
        db.session.commit()
        raise
    payments_time.tell_skew()
    db.session.commit()


def _catch_up() -> None:
    report, since = Report(), reconciliation.since_last()
    run_id, cursor = reconciliation.begin("events"), None
    db.session.commit()
    for newest in reconciliation.catch_up(report, since):
        cursor = newest
        db.session.commit()
    reconciliation.finish(run_id, report, cursor)
    if restoring.may_walk():
        enqueue("payments.reconcile_nightly")
    db.session.commit()


def _walk() -> None:
    report, since = Report(), reconciliation.money_since()
    run_id = reconciliation.begin("walk")
    db.session.commit()
    for _step in reconciliation.walk(report, since):
        db.session.commit()
    reconciliation.finish(run_id, report)
    leases.sweep()
    db.session.commit()


schedule("payments.reconcile", "*/5 * * * *")
schedule("payments.reconcile_nightly", "23 3 * * *")
