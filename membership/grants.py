"""Complimentary grants: given by staff, with an end and a note."""

from datetime import datetime

from kit import clock
from kit.database import db
from membership import memberships
from membership.domain.standing import Snapshot
from membership.models import Account, Grant


class GrantRefused(ValueError):
    """The grant makes no sense as asked; its text says why."""


def grant(account: Account, until: datetime, note: str, granted_by: str) -> Grant:
    """Let ``account`` read until ``until`` (UTC). Raises GrantRefused for an end in the past or an empty note."""
    now = clock.now()
    if until <= now:
        raise GrantRefused("The end of a grant must lie in the future.")
    if not note.strip():
        raise GrantRefused("Write a note: why does this person read for free?")
    row = Grant(account_id=account.id, starts_at=now, until=until, note=note.strip()[:500], granted_by=granted_by, created_at=now)
    db.session.add(row)
    db.session.flush()
    memberships.follow(account.id, _snapshot(row))
    return row


def revoke(row: Grant) -> None:
    """End a grant now. Revoking twice changes nothing."""
    if row.revoked_at is None:
        row.revoked_at = clock.now()
        db.session.flush()
        memberships.follow(row.account_id, _snapshot(row))


def _snapshot(row: Grant) -> Snapshot:
    return Snapshot(
        kind="grant",
        source_id=f"grant_{row.id}",
        status="canceled" if row.revoked_at else "active",
        started_at=row.starts_at,
        observed_at=clock.now(),
        paid_until=row.until,
        ends_at=row.until,
        ended_at=row.revoked_at,
        end_cause="staff" if row.revoked_at else None,
        plan_key="complimentary",
    )
