"""Leases: one worker at a time goes and looks at a Customer, and one that slept through its lease cannot write.

A lease is taken in a short transaction of its own, so that none is open while we ask Stripe. It is given back by the
very commit that writes what was seen: ``guard`` checks the fence and frees the row in the caller's transaction.
"""

import secrets
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import CursorResult, delete, select, update
from sqlalchemy.orm import Session

from kit import clock
from kit.database import db, insert_ignoring
from payments.models import Lease

LENGTH = timedelta(seconds=60)


class LeaseBusy(Exception):
    """Somebody else looks at this object now: try again soon."""


class LeaseLost(Exception):
    """Ours ran out while we looked, and somebody else took it: what we saw may be old."""


@dataclass(frozen=True, slots=True)
class Held:
    """A lease in hand."""

    key: str
    owner: str
    fence: int

    def guard(self) -> None:
        """In the caller's transaction, before its writes: still ours? Its commit frees the lease."""
        mine = (Lease.object_id == self.key, Lease.owner == self.owner, Lease.fence == self.fence)
        changed = db.session.execute(update(Lease).where(*mine).values(owner="", leased_until=clock.now()))
        if not isinstance(changed, CursorResult) or changed.rowcount != 1:
            raise LeaseLost(self.key)


@contextmanager
def held(key: str, *, patience: float = 0.0) -> Generator[Held]:
    """Hold the lease on ``key``; wait up to ``patience`` seconds for it, then raise LeaseBusy.

    Ends the session's open (reading) transaction first: SQLite's writers would otherwise wait for each other.
    On an exception the session is rolled back and the lease freed at once.
    """
    db.session.rollback()
    lease = _take(key, patience)
    try:
        yield lease
    except BaseException:
        db.session.rollback()
        _free(lease)
        raise


def _take(key: str, patience: float) -> Held:
    until = time.monotonic() + patience
    while (lease := _try(key)) is None:
        if time.monotonic() >= until:
            raise LeaseBusy(key)
        time.sleep(0.05)
    return lease


def _try(key: str) -> Held | None:
    now = clock.now()
    with Session(db.engine) as own, own.begin():
        own.execute(insert_ignoring(Lease).values(object_id=key, owner="", leased_until=now, fence=0))
        row = own.scalars(select(Lease).where(Lease.object_id == key).with_for_update()).one_or_none()
        if row is None or (row.owner and row.leased_until > now):  # None: swept just now
            return None
        row.owner, row.leased_until, row.fence = secrets.token_hex(8), now + LENGTH, row.fence + 1
        return Held(key, row.owner, row.fence)


def _free(lease: Held) -> None:
    with Session(db.engine) as own, own.begin():
        mine = (Lease.object_id == lease.key, Lease.owner == lease.owner, Lease.fence == lease.fence)
        own.execute(update(Lease).where(*mine).values(owner="", leased_until=clock.now()))


def sweep(older_than: timedelta = timedelta(days=1)) -> None:
    """Forget leases that nobody took for a day. The caller commits."""
    db.session.execute(delete(Lease).where(Lease.leased_until < clock.now() - older_than))
