"""What gifts and group seats let a person read, told to her membership. What they are and who paid is another room's."""

from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import select

from kit import clock
from kit.database import db
from membership import memberships
from membership.domain import standing
from membership.domain.standing import Snapshot, SourceKind
from membership.models import MembershipSource


def follow_gift(account_id: int, source_id: str, start: datetime, until: datetime, plan_key: str, *, cause: str | None = None) -> None:
    """A gift lets her read [start, until). ``until`` before ``start``: never. ``cause``: whose doing an early end is.

    One that is moved, because what it waits for ends on another day, is taken back first: its old time never was.
    """
    memberships.lock(account_id)
    known = _known("gift", source_id)
    if known is not None and known.started_at != start:
        memberships.follow(account_id, _gift(source_id, known.started_at, known.started_at, plan_key, None))
    memberships.follow(account_id, _gift(source_id, start, max(start, until), plan_key, cause))


def _gift(source_id: str, start: datetime, until: datetime, plan_key: str, cause: str | None) -> Snapshot:
    return Snapshot(
        kind="gift",
        source_id=source_id,
        status="active",
        started_at=start,
        observed_at=_look("gift", source_id),
        paid_until=until,
        ends_at=until,
        plan_key=plan_key,
        # Nobody's loss: what was given is used up. (An early end has its cause.)
        end_cause=cause or "staff",
    )


def follow_seat(
    account_id: int,
    source_id: str,
    payer: Snapshot,
    since: datetime,
    *,
    revoked_at: datetime | None = None,
    displaced_at: datetime | None = None,
) -> None:
    """A seat lets her read as the payer's Subscription stands, from ``since`` on, and is no revenue of its own.

    ``revoked_at`` ends it for good, ``displaced_at`` until there is a place again (then ``since`` is newer).
    """
    memberships.lock(account_id)
    known = _known("group", source_id)
    began = known.started_at if known is not None else max(since, payer.started_at)
    seat = replace(
        payer,
        kind="group",
        source_id=source_id,
        status="active" if payer.status == "trialing" else payer.status,  # the trial is the payer's
        trial_end=None,
        started_at=began,
        observed_at=_look("group", source_id),
        changed_at=max(began, since, payer.changed_at or began),
        notice_at=None,
        price_interval=None,
        mrr_720=0,
        currency=None,
    )
    if revoked_at is not None:
        ended = min(revoked_at, payer.ended_at) if payer.ended_at else revoked_at
        seat = replace(seat, status="canceled", ended_at=max(ended, began), ends_at=None, end_cause="staff")
    elif displaced_at is not None and payer.ended_at is None:
        seat = replace(seat, ends_at=min(displaced_at, seat.ends_at or displaced_at), end_cause="staff")
    memberships.follow(account_id, seat)


def payer(subscription_id: str) -> Snapshot | None:
    """The newest snapshot of the Subscription that pays for seats."""
    row = _known("subscription", subscription_id)
    return _snapshot(row) if row is not None else None


def read_until(account_id: int, without: frozenset[str], carried: datetime | None, at: datetime) -> datetime | None:
    """Until when she reads from ``at`` on without the sources named ``without``; None when nothing else opens the gate at ``at``.

    ``carried``: the end of a gift's days. A Subscription that begins when they are over (Stripe calls them its trial) is
    left out too: it waits for the gift, not the gift for it.
    """
    rows = db.session.scalars(select(MembershipSource).where(MembershipSource.account_id == account_id))
    others = [snapshot for snapshot in map(_snapshot, rows) if snapshot.source_id not in without and not _follows(snapshot, carried)]
    return standing.access_until(standing.derive(others, memberships.grace()), at)


def _follows(snapshot: Snapshot, carried: datetime | None) -> bool:
    return snapshot.follows_a_gift and carried is not None and carried <= snapshot.started_at


def _known(kind: SourceKind, source_id: str) -> MembershipSource | None:
    mine = select(MembershipSource).where(MembershipSource.kind == kind, MembershipSource.source_id == source_id)
    return db.session.scalars(mine).one_or_none()


def _snapshot(row: MembershipSource) -> Snapshot:
    return Snapshot(**{name: getattr(row, name) for name in memberships.SNAPSHOT_FIELDS})


def _look(kind: SourceKind, source_id: str) -> datetime:
    """Now, but after every look before: our own rows are the truth, and clocks of two machines may differ."""
    known = _known(kind, source_id)
    return max(clock.now(), known.observed_at + timedelta(microseconds=1)) if known is not None else clock.now()
