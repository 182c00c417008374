"""The journal: every event Stripe told us, kept for ever; and how one is applied.

Recorded and queued in one commit at the door, then 2xx. Applied by a job: lease, look, and one transaction that writes
what was seen and marks done every event that had asked for this look. The failure of one is noted outside its rollback.
"""

from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import or_, select, update
from sqlalchemy.exc import DBAPIError

from kit import clock, jobs
from kit.database import db, insert_ignoring
from kit.settings import settings
from kit.statements import Prepared
from payments import gateway, leases
from payments.domain import events
from payments.domain.events import Knock
from payments.models import StripeEvent
from payments.webhooks import HANDLERS

log = structlog.get_logger("payments.journal")

MOST_ATTEMPTS = 10  # with doubling pauses from 2 seconds: about half an hour, then staff looks at it
AT_ONCE = 200  # events of one Customer that one look may satisfy
BUSY_PAUSE = 1.0  # seconds
LONGEST_PAUSE = 600.0


_insert = Prepared(
    lambda: insert_ignoring(StripeEvent.__table__),
    columns=tuple(column.name for column in StripeEvent.__table__.columns if column.name != "applied_at"),
)


def record(event: dict[str, Any], raw_body: str, source: str = "webhook") -> bool:
    """Write down a genuine event and queue its job, in the caller's transaction. False when we had it already.

    Raises Refusal when the signed object is no event. What is not ours or not handled is kept as ignored.
    """
    found = events.knock(event)
    why = events.foreign(found, live=gateway.live(), account=settings()["STRIPE_ACCOUNT"])
    if why is None and (found.type not in HANDLERS or found.object_id is None):
        why = "not handled"
    written = _insert.write(
        account=found.account,
        event_id=found.event_id,
        type=found.type,
        api_version=found.api_version,
        livemode=found.livemode,
        created=found.created,
        object_id=found.object_id,
        customer_id=found.customer_id,
        payload=raw_body,
        received_at=clock.now(),
        source=source,
        state="ignored" if why else "new",
        attempts=0,
        last_error=why,
    )
    fresh = written == 1
    if fresh and why is None:
        jobs.enqueue("payments.apply_event", found.account, found.event_id, key=f"{found.account}:{found.event_id}")
    return fresh


def apply(account: str, event_id: str, *, alone: bool = False) -> int:
    """Apply a new event, and with it every other that waits for a look at the same Customer; answers how many.

    The caller commits. ``alone``: only this event's object, after a look at all of them failed. Raises LeaseBusy and
    LeaseLost (try again soon), GatewayUnavailable (later), or whatever the handler raised.
    """
    row = db.session.get(StripeEvent, (account, event_id))
    if row is None or row.state != "new":
        return 0
    key, object_id, kind = _lease_key(row), row.object_id or "", row.type
    with leases.held(key, patience=0.2) as lease:
        wishes = _same_object(account, event_id, object_id, kind) if alone else _waiting(account, event_id, key)
        if not wishes:
            lease.guard()  # an earlier look satisfied it while we waited; the commit frees the lease
            return 0
        db.session.rollback()
        seen = _look(wishes)
        lease.guard()
        for handler, found in seen:
            handler.write(found)
        _done(account, [one for one, _, _ in wishes])
    return len(wishes)


def failed(account: str, event_id: str, error: Exception) -> None:
    """Note an attempt that failed, after its rollback: try again later, or park it for staff. The caller commits."""
    row = db.session.get(StripeEvent, (account, event_id), with_for_update=True, populate_existing=True)
    if row is None or row.state != "new":
        return
    said = error.orig if isinstance(error, DBAPIError) else error  # without the values of the whole statement
    row.last_error = f"{type(error).__name__}: {said}"[:2000]
    if isinstance(error, gateway.GatewayUnavailable):
        # Nothing is wrong with the event: it waits, longer and longer, until Stripe answers.
        pause = (clock.now() - row.received_at).total_seconds() / 4
    else:
        row.attempts += 1
        pause = settings()["JOB_RETRY_SECONDS"] * 2 ** min(row.attempts - 1, 20)
    if row.attempts >= MOST_ATTEMPTS:
        row.state = "parked"
        log.error("event parked", event_id=event_id, type=row.type, error=row.last_error)
        return
    again(account, event_id, min(max(pause, settings()["JOB_RETRY_SECONDS"]), LONGEST_PAUSE))


def again(account: str, event_id: str, pause: float = 0.0) -> None:
    """Queue another attempt ``pause`` seconds from now.

    Jobs of one event that wait the longest pause become one: while Stripe is away, each nudge would add another that
    comes back for ever.
    """
    turn = int(clock.now().timestamp() + pause) // int(LONGEST_PAUSE)
    key = f"{account}:{event_id}:{turn}" if pause >= LONGEST_PAUSE else None
    jobs.enqueue("payments.apply_event", account, event_id, key=key, delay=pause)


def replay(account: str, event_id: str) -> bool:
    """Apply an event once more, whatever became of it; harmless, since it only makes us look. False: not known, or not ours."""
    row = db.session.get(StripeEvent, (account, event_id), with_for_update=True, populate_existing=True)
    if row is None or row.type not in HANDLERS or row.object_id is None:
        return False
    if events.foreign(_knock(row), live=gateway.live(), account=settings()["STRIPE_ACCOUNT"]):
        return False
    row.state, row.attempts, row.last_error = "new", 0, None
    again(account, event_id)
    return True


def nudge(older_than: timedelta = timedelta(minutes=30), most: int = 500) -> int:
    """Queue again what has been waiting strangely long (a restored backup, a queue that was emptied). Answers how many."""
    late = select(StripeEvent.account, StripeEvent.event_id).where(
        StripeEvent.state == "new", StripeEvent.received_at < clock.now() - older_than
    )
    found = list(db.session.execute(late.order_by(StripeEvent.received_at).limit(most)))
    for account, event_id in found:
        again(account, event_id)
    return len(found)


def _lease_key(row: StripeEvent) -> str:
    return row.customer_id or row.object_id or row.event_id


def _knock(row: StripeEvent) -> Knock:
    return Knock(row.account, row.event_id, row.type, row.object_id, row.customer_id, row.created, row.livemode, row.api_version)


Wish = tuple[str, str, str]  # event id, object id, type


def _waiting(account: str, event_id: str, key: str) -> list[Wish]:
    """The new events that a look at this Customer (or lone object) satisfies, read before the look."""
    of_key = or_(StripeEvent.customer_id == key, StripeEvent.customer_id.is_(None) & (StripeEvent.object_id == key))
    return _wishes(event_id, StripeEvent.account == account, of_key)


def _same_object(account: str, event_id: str, object_id: str, kind: str) -> list[Wish]:
    alike = [name for name, handler in HANDLERS.items() if handler is HANDLERS[kind]]
    return _wishes(event_id, StripeEvent.account == account, StripeEvent.object_id == object_id, StripeEvent.type.in_(alike))


def _wishes(event_id: str, *where: Any) -> list[Wish]:
    """At most AT_ONCE of them, this event first: its job is the only one that would come back for it."""
    rows = db.session.execute(
        select(StripeEvent.event_id, StripeEvent.object_id, StripeEvent.type)
        .where(StripeEvent.state == "new", *where)
        .order_by(StripeEvent.event_id != event_id, StripeEvent.received_at, StripeEvent.event_id)
        .limit(AT_ONCE)
    )
    return [(event_id, object_id or "", kind) for event_id, object_id, kind in rows if kind in HANDLERS]


def _look(wishes: list[Wish]) -> list[tuple[Any, Any]]:
    """Each handler and what it saw, one look an object however many events named it."""
    with gateway.remembering():
        looks = dict.fromkeys((HANDLERS[kind], object_id) for _, object_id, kind in wishes)
        return [(handler, handler.look(object_id)) for handler, object_id in looks]


def _done(account: str, event_ids: list[str]) -> None:
    db.session.execute(
        update(StripeEvent)
        .where(StripeEvent.account == account, StripeEvent.event_id.in_(event_ids))
        .values(state="done", applied_at=clock.now(), last_error=None)
    )
