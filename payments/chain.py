"""Sealing the journal, and checking that it is whole.

Links are written a little later than the events (a job every minute, and whoever verifies), because a chain that was
computed at the door would make all events wait for each other. What was received and not sealed within ALLOWED is found.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, func, insert, select

from kit import clock
from kit.database import alone, db
from payments.domain import chain as rules
from payments.domain.chain import GENESIS, Late, Link, Misfit
from payments.models import JournalLink, StripeEvent

BATCH = 500  # links that are checked at once, with their events' bodies in memory
SEALED_AT_ONCE = 5000  # each batch looks through all that came within MARGIN, so few large ones are quicker than many small
MARGIN = timedelta(hours=1)  # how far behind the newest link an event may turn up (a clock set back, a slow commit)
ALLOWED = timedelta(minutes=15)

_LINKED = and_(JournalLink.account == StripeEvent.account, JournalLink.event_id == StripeEvent.event_id)


@dataclass(frozen=True, slots=True)
class Head:
    """How long the chain is, and its newest value."""

    count: int
    chain: str


def head() -> Head:
    """Of an empty chain: 0 and the value that the first link will follow."""
    row = _last()
    return Head(row.position, row.chain) if row else Head(0, GENESIS)


def seal(*, whenever: bool = False) -> int:
    """Link what has no link yet, SEALED_AT_ONCE at most; answers how many. The caller commits, and calls again until it is 0.

    An event that claims to have come before the sealed ones, or before now where there are none, by more than MARGIN is
    left for ``unsealed`` to find, unless ``whenever``: an operator knows why. So links that were deleted, all or some, are
    not made anew in silence.
    """
    alone("payments.seal")  # two sealers make one chain
    last = _last()
    found = select(StripeEvent.account, StripeEvent.event_id, StripeEvent.payload, StripeEvent.received_at)
    found = found.outerjoin(JournalLink, _LINKED).where(JournalLink.position.is_(None))
    if not whenever:
        newest = min(last.received_at, clock.now()) if last else clock.now()
        found = found.where(StripeEvent.received_at >= newest - MARGIN)
    rows = list(
        db.session.execute(found.order_by(StripeEvent.received_at, StripeEvent.account, StripeEvent.event_id).limit(SEALED_AT_ONCE))
    )
    if not rows:
        return 0
    here = (last.position, last.chain) if last else (0, GENESIS)
    now, made = clock.now(), rules.links(*here, [(row.account, row.event_id, row.payload) for row in rows])
    db.session.execute(
        insert(JournalLink),
        [
            {
                "position": one.position,
                "account": one.account,
                "event_id": one.event_id,
                "digest": one.digest,
                "chain": one.chain,
                "received_at": row.received_at,
                "sealed_at": now,
            }
            for one, row in zip(made, rows, strict=True)
        ],
    )
    return len(rows)


def check(kept: str = "") -> Iterator[int | Misfit | Late]:
    """Walk the chain from its beginning. Yields how many links fit so far and, last, the first Misfit if there is one;
    where all is whole, what was sealed late.

    ``kept`` is a head that was written down elsewhere, at any time: the chain must have passed through it. Without one
    nothing here can see that links were deleted and what followed was sealed anew, but for the lateness of that.
    """
    position, chain, passed, late = 0, GENESIS, kept in ("", GENESIS), list[Late]()
    while rows := _after(position):
        for row in rows:
            link = Link(row.position, row.account, row.event_id, row.digest, row.chain)
            if wrong := rules.misfit(position, chain, link, row.payload):
                yield wrong
                return
            position, chain = link.position, link.chain
            passed = passed or chain == kept
            if row.sealed_at - row.received_at > ALLOWED:
                rules.note(late, position, row.sealed_at - row.received_at)
        yield position
    if not passed:
        yield Misfit(position, "the head", f"the chain never had the value {kept}: it was cut off, or made anew as a whole")
        return
    if (left := unsealed()) is not None:
        yield Misfit(
            position, left.event_id, f"the event is said to have come at {left.received_at:%Y-%m-%d %H:%M} UTC and was never sealed"
        )
        return
    yield from late


def unsealed(longer_than: timedelta = ALLOWED) -> Any:
    """The oldest event without a link for longer than this (event_id, received_at), or None."""
    late: datetime = clock.now() - longer_than
    found = select(StripeEvent.event_id, StripeEvent.received_at).outerjoin(JournalLink, _LINKED)
    found = found.where(JournalLink.position.is_(None), StripeEvent.received_at < late)
    return db.session.execute(found.order_by(StripeEvent.received_at).limit(1)).first()


def _last() -> Any:
    found = select(JournalLink.position, JournalLink.chain, JournalLink.received_at)
    return db.session.execute(found.where(JournalLink.position == select(func.max(JournalLink.position)).scalar_subquery())).first()


def _after(position: int) -> list[Any]:
    """The next links with their events' bodies, None where the event is gone."""
    found = (
        select(*JournalLink.__table__.columns, StripeEvent.payload).outerjoin(StripeEvent, _LINKED).where(JournalLink.position > position)
    )
    rows = list(db.session.execute(found.order_by(JournalLink.position).limit(BATCH)))
    db.session.rollback()  # a long walk holds up no writer
    return rows
