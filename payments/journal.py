"""The journal: every event Stripe told us, kept for ever; and how one is applied.

A row in state new is the queue: it is durable before the answer is 2xx, and payments/pickup.py finds it. Applied by a
job: lease, look, and one transaction that writes what was seen and marks done every event that had asked for this look.
The failure of one is noted outside its rollback.
"""

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.exc import DBAPIError

from kit import clock, durable
from kit.database import db, insert_ignoring
from kit.settings import settings
from kit.statements import Prepared
from payments import gateway, leases, restoring
from payments.domain import events
from payments.domain.events import Knock
from payments.domain.signatures import Refusal
from payments.models import StripeEvent
from payments.models.journal import IS_NEW
from payments.webhooks import HANDLERS

log = structlog.get_logger("payments.journal")

MOST_ATTEMPTS = 10  # with doubling pauses from 2 seconds: about half an hour, then staff looks at it
AT_ONCE = 200  # events of one Customer that one look may satisfy
BUSY_PAUSE = 1.0  # seconds
LONGEST_PAUSE = 600.0
ALONE_AFTER = timedelta(minutes=1)  # so long a Customer's events wait together for a Stripe that answers others, then each alone
BLAMED_AFTER = timedelta(hours=1)  # and so long one waits alone before what it asks for is held to be the fault

_insert = Prepared(
    lambda: insert_ignoring(StripeEvent.__table__),
    columns=tuple(column.name for column in StripeEvent.__table__.columns if column.name != "applied_at"),
)


def take_in(event: dict[str, Any], raw_body: str) -> bool:
    """Write down a genuine event, on the disk when this returns: a transaction of its own, in one statement.

    False when we had it already. Raises Refusal when the signed object is no event, and OperationalError within two
    seconds where the database cannot take it. What is not ours or not handled is kept as ignored.
    """
    return durable.write(_insert, **_row(event, raw_body, "webhook")) == 1


def known(event: dict[str, Any]) -> bool:
    """Do we have this event? One that is no event is nothing new either."""
    try:
        found = events.knock(event)
    except Refusal:
        return True
    return db.session.get(StripeEvent, (found.account, found.event_id)) is not None


def record(event: dict[str, Any], raw_body: str, source: str = "webhook", *, quiet: bool = False) -> bool:
    """The same in the caller's transaction, for a door that writes more than this event. ``quiet``: see StripeEvent."""
    return _insert.write(**_row(event, raw_body, source, quiet)) == 1


def _row(event: dict[str, Any], raw_body: str, source: str, quiet: bool = False) -> dict[str, Any]:
    found = events.knock(event)
    why = events.foreign(found, live=gateway.live(), account=settings()["STRIPE_ACCOUNT"])
    if why is None and (found.type not in HANDLERS or found.object_id is None):
        why = "not handled"
    now = clock.now()
    return {
        "account": found.account,
        "event_id": found.event_id,
        "type": found.type,
        "api_version": found.api_version,
        "livemode": found.livemode,
        "created": found.created,
        "object_id": found.object_id,
        "customer_id": found.customer_id,
        "payload": raw_body,
        "received_at": now,
        "source": source,
        "quiet": quiet,
        "state": "ignored" if why else "new",
        "attempts": 0,
        "last_error": why,
        "due_at": None if why else now,
    }


def apply(account: str, key: str) -> int:
    """Apply what waits for a look at this Customer (or lone object), AT_ONCE at most; answers how many events.

    The caller commits. Raises LeaseBusy (try again soon), LeaseLost, GatewayUnavailable (later), or whatever a handler
    raised: then each is to be applied alone.
    """
    with leases.held(key, patience=0.2) as lease:
        wishes = waiting(account, key)
        if not wishes:
            lease.guard()  # an earlier look satisfied them while we waited; the commit frees the lease
            return 0
        return _apply(account, wishes, lease)


def apply_one(account: str, event_id: str) -> int:
    """Apply one new event, and with it what waits for the same look at its object. Raises as ``apply`` does."""
    row = db.session.get(StripeEvent, (account, event_id))
    if row is None or row.state != "new":
        return 0
    key, object_id, kind = _knock(row).lease_key, row.object_id or "", row.type
    with leases.held(key, patience=0.2) as lease:
        wishes = _same_object(account, event_id, object_id, kind)
        if not wishes:
            lease.guard()
            return 0
        return _apply(account, wishes, lease)


def _apply(account: str, wishes: list["Wish"], lease: leases.Held) -> int:
    db.session.rollback()  # no transaction is open while Stripe is asked
    wider = sorted({one for wish in wishes if (one := HANDLERS[wish.type].lease)})
    with ExitStack() as others:
        held = [lease, *(others.enter_context(leases.held(one, patience=0.2)) for one in wider)]
        seen = _look(wishes)
        for one in held:
            one.guard()
        told = restoring.told_before()
        for handler, found, untold in seen:
            with restoring.quiet(told, untold):
                handler.write(found)
        _done(account, [wish.event_id for wish in wishes])
    return len(wishes)


def failed(account: str, event_id: str, error: Exception) -> None:
    """Note an attempt that failed, after its rollback: due again later, or parked for staff. The caller commits."""
    row = db.session.get(StripeEvent, (account, event_id), with_for_update=True, populate_existing=True)
    if row is None or row.state != "new":
        return
    row.last_error = _said(error)
    row.attempts += 1
    if row.attempts >= MOST_ATTEMPTS:
        row.state, row.due_at = "parked", None
        log.error("event parked", event_id=event_id, type=row.type, error=row.last_error)
        return
    pause = settings()["JOB_RETRY_SECONDS"] * 2 ** (row.attempts - 1)
    row.due_at = clock.now() + timedelta(seconds=min(pause, LONGEST_PAUSE))


def better_alone(account: str, key: str, error: gateway.GatewayUnavailable) -> bool:
    """Do these wait for one among them? Stripe answers others, and not this look, since more than a moment."""
    oldest = select(func.min(StripeEvent.received_at)).where(StripeEvent.account == account, IS_NEW, _of_key(key))
    return error.others and _waited(oldest, ALONE_AFTER)


def to_blame(account: str, event_id: str, error: gateway.GatewayUnavailable) -> bool:
    """Is it for this event's own object that Stripe has no answer, since an hour? Never where our key is refused."""
    told = select(StripeEvent.received_at).where(StripeEvent.account == account, StripeEvent.event_id == event_id)
    return error.others and not isinstance(error, gateway.KeyRefused) and _waited(told, BLAMED_AFTER)


def _waited(since: Any, patience: timedelta) -> bool:
    told = db.session.scalar(since)
    return told is not None and clock.now() - told > patience


def away(account: str, key: str, error: Exception) -> None:
    """Stripe did not answer: nothing is wrong with what waits for this look, and none is an attempt. It is due later and later."""
    _put_off(error, StripeEvent.account == account, StripeEvent.attempts == 0, _of_key(key))


def away_alone(account: str, event_id: str, error: Exception) -> None:
    """The same for one event."""
    _put_off(error, StripeEvent.account == account, StripeEvent.event_id == event_id)


def _put_off(error: Exception, *where: Any) -> None:
    here = (IS_NEW, *where)
    newest = db.session.scalar(select(func.max(StripeEvent.received_at)).where(*here))
    waited = (clock.now() - newest).total_seconds() if newest else 0.0
    pause = min(max(waited / 4, settings()["JOB_RETRY_SECONDS"]), LONGEST_PAUSE)
    db.session.execute(update(StripeEvent).where(*here).values(due_at=clock.now() + timedelta(seconds=pause), last_error=_said(error)))


def postpone(account: str, key: str, pause: float) -> None:
    """Somebody is looking at this very Customer: again in ``pause`` seconds, and not an attempt."""
    here = (StripeEvent.account == account, IS_NEW, StripeEvent.attempts == 0, _of_key(key))
    db.session.execute(update(StripeEvent).where(*here).values(due_at=clock.now() + timedelta(seconds=pause)))


def again(account: str, event_id: str, pause: float = 0.0) -> None:
    """Due ``pause`` seconds from now, if it is still to be done."""
    one = (StripeEvent.account == account, StripeEvent.event_id == event_id, IS_NEW)
    db.session.execute(update(StripeEvent).where(*one).values(due_at=clock.now() + timedelta(seconds=pause)))


def replay(account: str, event_id: str) -> bool:
    """Apply an event once more, whatever became of it; harmless, since it only makes us look. False: not known, or not ours."""
    row = db.session.get(StripeEvent, (account, event_id), with_for_update=True, populate_existing=True)
    if row is None or row.type not in HANDLERS or row.object_id is None:
        return False
    if events.foreign(_knock(row), live=gateway.live(), account=settings()["STRIPE_ACCOUNT"]):
        return False
    row.state, row.attempts, row.last_error, row.due_at = "new", 0, None, clock.now()
    return True


def _knock(row: StripeEvent) -> Knock:
    return Knock(row.account, row.event_id, row.type, row.object_id, row.customer_id, row.created, row.livemode, row.api_version)


def _said(error: Exception) -> str:
    said = error.orig if isinstance(error, DBAPIError) else error  # without the values of the whole statement
    return f"{type(error).__name__}: {said}"[:2000]


@dataclass(frozen=True, slots=True)
class Wish:
    """An event that waits for a look at its object."""

    event_id: str
    object_id: str
    type: str
    created: int = 0
    quiet: bool = False


def _of_key(key: str) -> Any:
    return (StripeEvent.customer_id == key) | StripeEvent.customer_id.is_(None) & (StripeEvent.object_id == key)


def waiting(account: str, key: str) -> list[Wish]:
    """The new events that a look at this Customer (or lone object) satisfies, read before the look.

    Those that failed before are left out: they are applied alone, so that a poison event spoils no other.
    """
    return _wishes("", StripeEvent.account == account, StripeEvent.attempts == 0, _of_key(key))


def _same_object(account: str, event_id: str, object_id: str, kind: str) -> list[Wish]:
    alike = [name for name, handler in HANDLERS.items() if handler is HANDLERS.get(kind)]
    return _wishes(event_id, StripeEvent.account == account, StripeEvent.object_id == object_id, StripeEvent.type.in_(alike))


def _wishes(event_id: str, *where: Any) -> list[Wish]:
    """At most AT_ONCE of them, this event first."""
    rows = db.session.execute(
        select(StripeEvent.event_id, StripeEvent.object_id, StripeEvent.type, StripeEvent.created, StripeEvent.quiet)
        .where(IS_NEW, *where)
        .order_by(StripeEvent.event_id != event_id, StripeEvent.received_at, StripeEvent.event_id)
        .limit(AT_ONCE)
    )
    return [Wish(event_id, object_id or "", kind, created, quiet) for event_id, object_id, kind, created, quiet in rows if kind in HANDLERS]


def _look(wishes: list[Wish]) -> list[tuple[Any, Any, int | None]]:
    """Each handler, what it saw, and the time of the oldest event about it that nobody was ever told (None: it writes
    without mail): one look an object however many events named it."""
    looks: dict[tuple[Any, str], int | None] = {}
    for wish in wishes:
        about = (HANDLERS[wish.type], wish.object_id)
        before = looks.setdefault(about, None)
        if not wish.quiet:
            looks[about] = wish.created if before is None else min(before, wish.created)
    with gateway.remembering():
        return [(handler, handler.look(object_id), untold) for (handler, object_id), untold in looks.items()]


def _done(account: str, event_ids: list[str]) -> None:
    db.session.execute(
        update(StripeEvent)
        .where(StripeEvent.account == account, StripeEvent.event_id.in_(event_ids))
        .values(state="done", applied_at=clock.now(), last_error=None, due_at=None)
    )
