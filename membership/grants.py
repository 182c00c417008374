"""Complimentary grants: given by staff, with an end and a note."""

from datetime import date, datetime

from sqlalchemy import select

from kit import clock
from kit.database import db
from kit.mail import queue_mail, render_mail
from kit.urls import public_url
from membership import memberships
from membership.domain.standing import Snapshot
from membership.models import Account, Grant

FURTHEST = date(2999, 12, 31)  # people write 9999-12-31 for "for ever": there the calendar ends, and an hour or a grace more is no date


class GrantRefused(ValueError):
    """The grant makes no sense as asked; its text says why."""


def running(limit: int, offset: int = 0, *, all_of_them: bool = False) -> list[tuple[Grant, Account]]:
    """Grants that let somebody read now, the one that ends first on top; or every one there was, the newest on top."""
    found = select(Grant, Account).join(Account, Account.id == Grant.account_id)
    if all_of_them:
        found = found.order_by(Grant.id.desc())
    else:
        found = found.where(Grant.revoked_at.is_(None), Grant.until > clock.now()).order_by(Grant.until, Grant.id)
    return [(row, account) for row, account in db.session.execute(found.limit(limit).offset(offset))]


def grant(account: Account, until: datetime, note: str, granted_by: str, *, tell: bool = False) -> Grant:
    """Let ``account`` read until ``until`` (UTC). Raises GrantRefused for an end in the past or an empty note.

    ``tell``: write to her. The note is never shown to her.
    """
    now = clock.now()
    if until <= now:
        raise GrantRefused("The end of a grant must lie in the future.")
    if not note.strip():
        raise GrantRefused("Write a note: why does this person read for free?")
    row = Grant(account_id=account.id, starts_at=now, until=until, note=note.strip()[:500], granted_by=granted_by, created_at=now)
    db.session.add(row)
    db.session.flush()
    memberships.follow(account.id, _snapshot(row))
    if tell:
        _tell(row, account)
    return row


def extend(row: Grant, until: datetime, *, tell: bool = False) -> None:
    """Another end (UTC), later or earlier. Raises GrantRefused for one in the past, and of a grant that was revoked or has run out."""
    now = clock.now()
    if row.revoked_at is not None:
        raise GrantRefused("This grant was revoked. Give a new one.")
    if until <= now:
        raise GrantRefused("The end of a grant must lie in the future. To end it now, revoke it.")
    if row.until <= now:
        raise GrantRefused("This grant has run out. Give a new one.")
    row.until = until
    db.session.flush()
    memberships.follow(row.account_id, _snapshot(row))
    if tell:
        _tell(row, db.session.get_one(Account, row.account_id))


def _tell(row: Grant, account: Account) -> None:
    address = public_url("account.show")
    subject, text, html = render_mail("grant_given", grant=row, account=account, address=address)
    queue_mail(account.email, subject, text, html, key=f"grant:{row.id}:{int(row.until.timestamp())}")


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
