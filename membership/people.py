"""People in and out as CSV: from another list, and to a spreadsheet."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, TextIO

from sqlalchemy import select

from kit import clock
from kit.database import db
from kit.formats import zone
from membership import accounts, grants, memberships
from membership.domain import emails, standing
from membership.me import iso
from membership.models import Account

COLUMNS = ("email", "name", "status", "entitled", "plan", "paid_until", "ends_at", "source", "confirmed", "created_at")


class RowRefused(ValueError):
    """A line that cannot be taken; its text says why."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a list: an address, perhaps a name, perhaps a last day of complimentary access and why."""

    email: str
    name: str
    until: date | None
    note: str


def read(lines: TextIO) -> Iterator[tuple[int, Row | RowRefused]]:
    """(line number, row or why not) of a CSV file with a header; ``email`` is needed, ``name``, ``until``, ``note`` may be."""
    reader = csv.DictReader(lines)
    if "email" not in (reader.fieldnames or []):
        raise RowRefused("The first line must name the columns, and one of them must be email.")
    for values in reader:
        try:
            yield reader.line_num, _row(values)
        except RowRefused as refused:
            yield reader.line_num, refused


def _row(values: dict[str, Any]) -> Row:
    email = (values.get("email") or "").strip()
    try:
        emails.parse(email)
    except emails.NotAnAddress as error:
        raise RowRefused(f"{email!r} is not an address") from error
    return Row(email, (values.get("name") or "").strip()[:200], day(values.get("until") or ""), (values.get("note") or "").strip())


def day(text: str) -> date | None:
    """2027-05-31 as a date, nothing as None. Raises RowRefused, also beyond grants.FURTHEST."""
    try:
        last = date.fromisoformat(text.strip()) if text.strip() else None
    except ValueError as error:
        raise RowRefused(f"{text!r} is not a day like 2027-05-31") from error
    if last is not None and last > grants.FURTHEST:
        raise RowRefused(f"{text!r}: choose a day before the year 3000")
    return last


def end_of_day(last: date) -> datetime:
    """The last second of this day (at most grants.FURTHEST) in the publication's zone, as UTC; so pages name the day itself and not the next."""
    return datetime.combine(last, time(23, 59, 59), zone()).astimezone(UTC)


def take_in(row: Row, given_by: str) -> str:
    """Make the account unless there is one, and the grant unless she has it; answers new, updated or unchanged."""
    account, word = accounts.find(row.email), "unchanged"
    if account is None:
        account, word = accounts.create(row.email, name=row.name), "new"
    if row.until is not None:
        until = end_of_day(row.until)
        reach = standing.access_until(memberships.standing_of(account.id), clock.now())
        if until > clock.now() and (reach is None or reach < until):
            grants.grant(account, until, row.note or "imported", given_by)
            word = "new" if word == "new" else "updated"
    return word


def listing() -> Iterator[dict[str, Any]]:
    """Everybody, by address, with the contract's facts; 500 accounts a look-up."""
    last = ""
    while batch := list(db.session.scalars(select(Account).where(Account.email_key > last).order_by(Account.email_key).limit(500))):
        found = memberships.standings_of([account.id for account in batch])
        for account in batch:
            yield _facts(account, found[account.id])
        last = batch[-1].email_key
        db.session.expunge_all()


def _facts(account: Account, found: standing.Standing) -> dict[str, Any]:
    now = clock.now()
    lead = standing.leading(found, now)
    ends = (lead.ended_at or lead.ends_at) if lead else None
    return {
        "email": account.email,
        "name": account.name,
        "status": standing.status(found, now),
        "entitled": standing.is_entitled(found, now),
        "plan": lead.plan_key if lead else None,
        "paid_until": iso(lead.paid_until) if lead and lead.paid_until else None,
        "ends_at": iso(ends) if ends else None,
        "source": lead.kind if lead else None,
        "confirmed": account.confirmed_at is not None,
        "created_at": iso(account.created_at),
    }


def write(rows: Iterable[dict[str, Any]], out: TextIO) -> None:
    """As CSV. A cell that a spreadsheet would run as a formula gets an apostrophe before it."""
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow(_harmless(row[name]) for name in COLUMNS)


def _harmless(value: Any) -> str:
    text = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
