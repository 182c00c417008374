"""Puts histories into the database, committed or not as the caller decides."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from kit.database import db
from membership.models import Account, MembershipInterval
from payments.models import LedgerEntry
from reports.domain.intervals import Interval
from tests.reports.histories import day


def store(people: Mapping[str, Iterable[Interval]]) -> dict[str, int]:
    """Accounts and intervals of these people; name -> account id. Flushed."""
    ids = {}
    for who, rows in people.items():
        account = Account(email=f"{who}@reader.example", email_key=f"{who}@reader.example", name=who, created_at=day(0))
        db.session.add(account)
        db.session.flush()
        ids[who] = account.id
        db.session.add_all(
            MembershipInterval(**row._replace(account_id=account.id)._asdict(), recorded_at=row.effective_at) for row in rows
        )
    db.session.flush()
    return ids


def entry(number: int, kind: str, amount: int, at: datetime, *, purpose: str = "contribution", currency: str = "usd") -> LedgerEntry:
    """A ledger entry, added to the session."""
    found = LedgerEntry(
        source_id=f"fact_{number}", kind=kind, purpose=purpose, amount=amount, currency=currency, occurred_at=at, recorded_at=at, note=""
    )
    db.session.add(found)
    return found
