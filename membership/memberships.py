"""Memberships: follow a source's newest snapshot to the row that the gate reads and the history that reports read."""

from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session

from kit import clock
from kit.database import db
from membership import grace as graces
from membership.domain import intervals, standing
from membership.domain.grace import Grace
from membership.domain.standing import OPENING, Snapshot, Standing
from membership.models import Account, Membership, MembershipInterval, MembershipSource

SNAPSHOT_FIELDS = tuple(Snapshot.__dataclass_fields__)


def grace() -> Grace:
    """How long the gate stays open past what is paid, as the editor set it (before: GRACE_DAYS)."""
    return graces.in_force()


def follow(account_id: int, snapshot: Snapshot) -> Membership:
    """Take in the newest look at one source: source row, membership, intervals, in the caller's transaction.

    Repeating it changes nothing. An older look than the one we have is ignored; what ended stays ended.
    """
    lock(account_id)
    row = _source(snapshot)
    if row is None:
        row = MembershipSource(account_id=account_id, **_columns(snapshot))
        db.session.add(row)
        db.session.flush()
    elif standing.newest([_snapshot(row), snapshot]) == (snapshot,):
        moved_from = row.account_id if row.account_id != account_id else None
        for name, value in _columns(snapshot).items():
            setattr(row, name, value)
        row.account_id = account_id
        db.session.flush()
        if moved_from is not None:
            derive(moved_from)
    _write_intervals(account_id, _snapshot(row))
    return derive(account_id)


def lock(account_id: int) -> None:
    """One writer at a time for each account (SQLite has one writer anyway)."""
    db.session.execute(select(Account.id).where(Account.id == account_id).with_for_update())


def derive(account_id: int) -> Membership:
    """Make the membership row what all the sources say, as of now."""
    now = clock.now()
    found = standing_of(account_id)
    row = db.session.get(Membership, account_id) or Membership(account_id=account_id)
    at = now if standing.is_entitled(found, now) else standing.opens_next(found, now) or now
    lead = standing.leading(found, at)
    opened = standing.is_entitled(found, at)
    row.access_from = at if opened and at > now else (min(w.start for w in found.windows if w.start <= at < w.end) if opened else None)
    row.access_until = standing.access_until(found, at) if opened else None
    row.paid_until = lead.paid_until if lead else None
    row.ends_at = row.access_until if standing.is_ending(found, at) else None
    row.plan_key, row.source = (lead.plan_key, lead.kind) if lead else (None, None)
    row.renew_at, row.updated_at = standing.row_holds_until(found, now), now
    db.session.add(row)
    db.session.flush()
    return row


def due(limit: int) -> list[int]:
    """Accounts whose row must be derived anew: a source that waited has begun, or a gap before one that waits."""
    waiting = select(Membership.account_id).where(Membership.renew_at <= clock.now()).order_by(Membership.renew_at)
    return list(db.session.scalars(waiting.limit(limit)))


def open_after(account_id: int, limit: int) -> list[int]:
    """Accounts beyond this one whose access may depend on the grace, in order: something lets them read, or did until its grace was over."""
    mine = select(MembershipSource.account_id).where(MembershipSource.account_id > account_id, MembershipSource.status.in_(OPENING))
    return list(db.session.scalars(mine.distinct().order_by(MembershipSource.account_id).limit(limit)))


def follow_grace(account_id: int) -> None:
    """The grace was changed: bring row and planned ends in line with the newest snapshots that we have."""
    lock(account_id)
    for row in db.session.scalars(
        select(MembershipSource).where(MembershipSource.account_id == account_id, MembershipSource.status == "past_due")
    ):
        _write_intervals(account_id, _snapshot(row))
    derive(account_id)


def standing_of(account_id: int) -> Standing:
    """The standing from every source of this account, in one look-up."""
    rows = db.session.scalars(select(MembershipSource).where(MembershipSource.account_id == account_id))
    return standing.derive([_snapshot(row) for row in rows], grace())


def standings_of(account_ids: list[int]) -> dict[int, Standing]:
    """The standings of several accounts, in one look-up for a page of a list (and one for the grace)."""
    found: dict[int, list[Snapshot]] = {account_id: [] for account_id in account_ids}
    for row in db.session.scalars(select(MembershipSource).where(MembershipSource.account_id.in_(account_ids))):
        found[row.account_id].append(_snapshot(row))
    length = grace()
    return {account_id: standing.derive(snapshots, length) for account_id, snapshots in found.items()}


class Window(Protocol):
    """A Membership, or a row that holds its two instants."""

    @property
    def access_from(self) -> datetime | None: ...
    @property
    def access_until(self) -> datetime | None: ...


def is_entitled(membership: Window | None, at: datetime) -> bool:
    """The gate's question, asked of the one small row."""
    return (
        membership is not None
        and membership.access_from is not None
        and membership.access_until is not None
        and membership.access_from <= at < membership.access_until
    )


def describe(account_id: int, at: datetime) -> dict[str, Any]:
    """The contract's ``membership`` object (``/api/v1/me``); instants are aware datetimes or None."""
    found = standing_of(account_id)
    lead = standing.leading(found, at)
    return {
        "status": standing.status(found, at),
        "entitled": standing.is_entitled(found, at),
        "plan": lead.plan_key if lead else None,
        "paid_until": lead.paid_until if lead else None,
        "ends_at": (lead.ended_at or lead.ends_at) if lead else None,
        "source": lead.kind if lead else None,
    }


def _columns(snapshot: Snapshot) -> dict[str, Any]:
    return {name: getattr(snapshot, name) for name in SNAPSHOT_FIELDS}


def _snapshot(row: MembershipSource) -> Snapshot:
    return Snapshot(**{name: getattr(row, name) for name in SNAPSHOT_FIELDS})


def _source(snapshot: Snapshot) -> MembershipSource | None:
    return db.session.scalars(
        select(MembershipSource).where(MembershipSource.kind == snapshot.kind, MembershipSource.source_id == snapshot.source_id)
    ).one_or_none()


def _write_intervals(account_id: int, snapshot: Snapshot) -> None:
    now = clock.now()
    rows = {row.id: row for row in _history(snapshot)}
    change = intervals.follow([_interval(row) for row in rows.values()], snapshot, grace())
    for past in change.supersede:
        rows[past.row_id or 0].superseded_at = now
    for ended in change.end:
        row = rows[ended.row_id or 0]
        row.until, row.end_cause, row.notice_at, row.until_recorded_at = ended.until, ended.end_cause, ended.notice_at, now
    for new in change.add:
        values = {name: getattr(new, name) for name in intervals.Interval.__dataclass_fields__ if name != "row_id"}
        session: Session = db.session()
        session.add(
            MembershipInterval(
                account_id=account_id,
                source_kind=snapshot.kind,
                source_id=snapshot.source_id,
                recorded_at=now,
                until_recorded_at=now if new.until else None,
                **values,
            )
        )
    db.session.flush()


def _history(snapshot: Snapshot) -> list[MembershipInterval]:
    return list(
        db.session.scalars(
            select(MembershipInterval)
            .where(
                MembershipInterval.source_kind == snapshot.kind,
                MembershipInterval.source_id == snapshot.source_id,
                MembershipInterval.superseded_at.is_(None),
            )
            .order_by(MembershipInterval.effective_at, MembershipInterval.id)
        )
    )


def _interval(row: MembershipInterval) -> intervals.Interval:
    names = [name for name in intervals.Interval.__dataclass_fields__ if name != "row_id"]
    return intervals.Interval(**{name: getattr(row, name) for name in names}, row_id=row.id)
