"""The journal's work in the worker: events taken up and applied, sealed, and missed when they do not come."""

import structlog
from sqlalchemy import exc

from kit import clock
from kit.database import db, reading
from kit.jobs import enqueue, job, schedule, watch
from payments import alarms, chain, gateway, journal, pickup, restoring
from payments.leases import LeaseBusy

TOGETHER = 5  # seconds

log = structlog.get_logger("payments.jobs")
# The database does not answer, or not now. A row that it refuses (IntegrityError, DataError) is the event's own fault.
TROUBLE = (exc.OperationalError, exc.InterfaceError, exc.TimeoutError)


@watch("payments.pick_up")
def pick_up() -> int:
    """What is due in the journal, queued. Looks first without SQLite's write lock: mostly there is nothing."""
    with reading():
        due = pickup.some_due()
        db.session.rollback()
    queued = pickup.pick_up() if due else 0
    db.session.commit()
    return queued


def catch_up_soon() -> None:
    """Read Stripe's list when TOGETHER seconds are over: one reading however many notifications come until then. The caller commits."""
    now = clock.now().timestamp()
    turn = int(now // TOGETHER) + 1
    enqueue("payments.reconcile", key=f"notified:{turn}", delay=turn * TOGETHER - now)


@job("payments.apply_waiting")
def apply_waiting(account: str, key: str) -> None:
    """Apply all that waits for a look at one Customer (or lone object): together, or one by one if that fails."""
    if restoring.holds():
        db.session.rollback()
        return  # it was queued in the backup, and is due again
    try:
        while journal.apply(account, key):
            db.session.commit()
    except LeaseBusy:
        db.session.rollback()
        journal.postpone(account, key, journal.BUSY_PAUSE)
    except TROUBLE:
        raise  # nothing can be noted: the engine tries again
    except gateway.GatewayUnavailable as error:
        db.session.rollback()
        if journal.better_alone(account, key, error):
            _one_by_one(account, key)
        else:
            journal.away(account, key, error)
            alarms.key_refused(error)
    except Exception as error:  # noqa: BLE001 - one of them is poison, and must not spoil the others
        db.session.rollback()
        log.warning("events not applied together", key=key, error=type(error).__name__)
        _one_by_one(account, key)
    db.session.commit()


def _one_by_one(account: str, key: str) -> None:
    wishes = journal.waiting(account, key)
    db.session.rollback()
    for wish in wishes:
        apply_event(account, wish.event_id)


@job("payments.apply_event")
def apply_event(account: str, event_id: str) -> None:
    """Apply one journaled event. A failure is kept in the journal and does not hold up the queue."""
    if restoring.holds():
        db.session.rollback()
        return
    try:
        journal.apply_one(account, event_id)
    except LeaseBusy:
        db.session.rollback()
        journal.again(account, event_id, journal.BUSY_PAUSE)  # not an attempt: somebody is looking at this very Customer
    except TROUBLE:
        raise
    except gateway.GatewayUnavailable as error:
        db.session.rollback()
        if journal.to_blame(account, event_id, error):
            _failed(account, event_id, error)
        else:
            journal.away_alone(account, event_id, error)
            alarms.key_refused(error)
    except Exception as error:  # noqa: BLE001 - whatever it is: it is parked with its error. A lease lost counts: a look may be too long
        db.session.rollback()
        _failed(account, event_id, error)
    db.session.commit()


def _failed(account: str, event_id: str, error: Exception) -> None:
    log.warning("event not applied", event_id=event_id, error=type(error).__name__)
    journal.failed(account, event_id, error)
    alarms.parked(account, event_id)


@job("payments.seal")
def seal() -> None:
    """Every minute: what came since is linked."""
    while chain.seal():
        db.session.commit()
    db.session.commit()


@job("payments.say_head")
def say_head() -> None:
    """Once a day into the log: who keeps its lines elsewhere can ask `flask journal verify --head` later."""
    head = chain.head()
    log.info("journal head", links=head.count, chain=head.chain)
    db.session.commit()


@job("payments.listen")
def listen() -> None:
    """Every five minutes: is it too quiet?"""
    alarms.silent()
    db.session.commit()


schedule("payments.seal", "* * * * *")
schedule("payments.say_head", "7 0 * * *")
schedule("payments.listen", "*/5 * * * *")
