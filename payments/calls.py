"""Outgoing calls: each that changes something at Stripe is a row before it is made, and the row says what came of it.

Rows are written in short transactions of their own, as leases are: the caller's session is never committed here, and
none may be open while Stripe is asked.
"""

import secrets
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from kit import clock
from kit.database import db, end_reading, insert_ignoring
from payments.domain import calls as rules
from payments.models import OutgoingCall
from payments.models.calls import IS_OPEN

UNRESOLVED = ("new", "unknown")


class KeyReused(Exception):
    """A key was given for something else than before: a mistake of ours, and Stripe would refuse it too."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A call as plain values, to be held while no transaction is open. ``fresh``: this is its first attempt."""

    id: int
    kind: str
    key: str
    subject: str
    params: dict[str, Any]
    object_id: str
    state: str
    created_at: datetime
    attempts: int

    @property
    def fresh(self) -> bool:
        return self.attempts == 1

    @property
    def too_old(self) -> bool:
        """Must it be looked for, because Stripe may have forgotten its key? What was refused did not happen, however old."""
        return self.state in UNRESOLVED and rules.too_old(self.created_at, clock.now())

    @property
    def verb(self) -> str:
        return self.kind.rpartition(".")[2]

    @property
    def arguments(self) -> tuple[Any, ...]:
        """What the SDK's method takes before its options."""
        return (self.subject, self.params) if self.subject else (self.params,)


def begin(kind: str, params: dict[str, Any], *, subject: str, key: str) -> Asked:
    """Write down what is about to be asked, committed. The same key finds its row.

    Raises KeyReused, kit.database.WroteAlready (the caller's transaction has written and is not committed).
    """
    end_reading()
    mark, now = rules.fingerprint(kind, subject, params), clock.now()
    key = key or f"call-{secrets.token_urlsafe(18)}"
    with _own() as own:
        values = {
            "kind": kind,
            "idempotency_key": key,
            "subject_id": subject,
            "params": rules.kept(params),
            "fingerprint": mark,
            "state": "new",
            "object_id": "",
            "error_code": "",
            "attempts": 1,
            "note": "",
            "created_at": now,
            "asked_at": now,
        }
        made: Any = own.execute(insert_ignoring(OutgoingCall).values(**values))
        row = own.scalars(select(OutgoingCall).where(OutgoingCall.idempotency_key == key).with_for_update()).one()
        if made.rowcount:
            return facts(row)
        if row.fingerprint != mark:
            raise KeyReused(f"{key} was for another {row.kind} than this {kind}")
        found = replace(facts(row), params=params)  # those of an answered one are not kept
        if row.state in ("done", "given_up") or found.too_old:
            return replace(found, attempts=row.attempts + 1)
        if row.state in UNRESOLVED and row.params:
            params = row.params  # what was asked is asked again, word by word
        if row.state == "refused":  # it did not happen, so this is a new attempt at it
            row.state, row.created_at, row.attempts = "new", now, 0
        row.params, row.error_code, row.attempts, row.asked_at, row.answered_at = rules.kept(params), "", row.attempts + 1, now, None
        return facts(row)


def facts(row: OutgoingCall) -> Asked:
    return Asked(row.id, row.kind, row.idempotency_key, row.subject_id, row.params, row.object_id, row.state, row.created_at, row.attempts)


def answered(asked: Asked, object_id: str) -> None:
    """It happened. Its parameters, which may name a reader, are forgotten."""
    with _own() as own:
        row = _row(own, asked)
        row.state, row.object_id, row.error_code, row.params, row.answered_at = "done", object_id[:255], "", {}, clock.now()


def refused(asked: Asked, code: str) -> None:
    """It did not happen. What is done stays done."""
    with _own() as own:
        row = _row(own, asked)
        if row.state != "done":
            row.state, row.error_code, row.params, row.answered_at = "refused", code[:100], {}, clock.now()


def unanswered(asked: Asked) -> None:
    """Nobody knows yet. A later answer to somebody else who asked the same counts more."""
    with _own() as own:
        row = _row(own, asked)
        if row.state in UNRESOLVED:
            row.state = "unknown"


def not_asked(asked: Asked) -> None:
    """Stripe was not asked, this time: a first attempt did not happen; of an earlier one nobody knows still."""
    if asked.fresh:
        refused(asked, "not_asked")
    else:
        unanswered(asked)


def take(call_id: int, pause: timedelta) -> Asked | None:
    """One more attempt at finding out, ours alone; None when it is resolved, or somebody tried within ``pause``."""
    now = clock.now()
    with _own() as own:
        row = own.get(OutgoingCall, call_id, with_for_update=True)
        if row is None or row.state not in UNRESOLVED or row.asked_at > now - pause:
            return None
        row.attempts, row.asked_at = row.attempts + 1, now
        return facts(row)


def due(pause: timedelta) -> list[int]:
    """Calls of which nobody knows what became of them, and that nobody tried within ``pause``; the longest untried first."""
    waiting = select(OutgoingCall.id).where(IS_OPEN, OutgoingCall.state.in_(UNRESOLVED), OutgoingCall.asked_at <= clock.now() - pause)
    return list(db.session.scalars(waiting.order_by(OutgoingCall.asked_at, OutgoingCall.id).limit(500)))


def superseded(asked: Asked) -> bool:
    """Was the same object changed, or asked to, by a later call? Then doing this one now would undo that one."""
    later = select(OutgoingCall.id).where(
        OutgoingCall.subject_id == asked.subject, OutgoingCall.id > asked.id, OutgoingCall.state != "refused"
    )
    return bool(asked.subject) and db.session.scalars(later.limit(1)).first() is not None


def sweep(older_than: timedelta = timedelta(days=90)) -> None:
    """Forget what is known for long. The caller commits."""
    over = OutgoingCall.state.in_(("done", "refused")), OutgoingCall.created_at < clock.now() - older_than
    db.session.execute(delete(OutgoingCall).where(*over))


def give_up(asked: Asked, code: str) -> None:
    """Nothing at Stripe tells what became of it: staff decides."""
    with _own() as own:
        row = _row(own, asked)
        if row.state in UNRESOLVED:
            row.state, row.error_code = "given_up", code[:100]


def reopen(row: OutgoingCall) -> bool:
    """Staff wants it found out once more, now. The caller commits. False where it is known already."""
    if row.state not in (*UNRESOLVED, "given_up"):
        return False
    row.state, row.error_code, row.asked_at = "unknown", "", row.created_at
    return True


def settle(row: OutgoingCall, happened: bool, note: str, by: int) -> bool:
    """Staff found out by hand. The caller commits. False where it is known already."""
    if row.state not in (*UNRESOLVED, "given_up"):
        return False
    row.state, row.error_code = ("done", "") if happened else ("refused", "by_hand")
    row.note, row.settled_by, row.params, row.answered_at = note, by, {}, clock.now()
    return True


def by_key(key: str) -> Asked | None:
    """The call under this key, if it was ever about to be made."""
    row = db.session.scalars(select(OutgoingCall).where(OutgoingCall.idempotency_key == key)).one_or_none()
    return facts(row) if row else None


@contextmanager
def _own() -> Generator[Session]:
    with Session(db.engine) as own, own.begin():
        yield own


def _row(own: Session, asked: Asked) -> OutgoingCall:
    return own.get_one(OutgoingCall, asked.id, with_for_update=True)
