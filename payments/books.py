"""The books as staff looks at them: entries and contributions by what they are, with sums by currency."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select

from kit.currencies import major
from kit.database import db
from kit.formats import zone
from membership.models import Account
from payments.models import Contribution, LedgerEntry

KINDS = ("payment", "refund", "refund_failed", "dispute", "dispute_reversal", "fee")
PURPOSES = ("subscription", "contribution", "unknown")
STATUSES = ("pending", "paid", "active", "past_due", "failed", "canceled", "refunded")
PAGE = 50
HEAD = (
    "occurred_at", "recorded_at", "kind", "purpose", "amount", "currency", "source_id", "charge_id", "customer_id",
    "subscription_id", "invoice_id", "account", "contribution", "note",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries: of a month (YYYY-MM, the publication's), a kind, a purpose, one id at Stripe; "" is all."""

    month: str = ""
    kind: str = ""
    purpose: str = ""
    about: str = ""

    def conditions(self) -> list[ColumnElement[bool]]:
        """The same for a query's where()."""
        entry, found = LedgerEntry, []
        if self.month:
            first, after = month_bounds(self.month)
            found += [entry.occurred_at >= first, entry.occurred_at < after]
        if self.kind:
            found.append(entry.kind == self.kind)
        if self.purpose:
            found.append(entry.purpose == self.purpose)
        if self.about:
            ids = (entry.source_id, entry.charge_id, entry.customer_id, entry.subscription_id, entry.invoice_id)
            found.append(or_(*(column == self.about for column in ids)))
        return found


def month_bounds(month: str) -> tuple[datetime, datetime]:
    """The first instants of a month "2026-11" and of the next, in the publication's zone. Raises ValueError."""
    year, _, number = month.partition("-")
    if not (len(year) == 4 and len(number) == 2 and (year + number).isascii() and (year + number).isdigit()):
        raise ValueError(f"not a month: {month!r}")
    first = datetime(int(year), int(number), 1, tzinfo=zone())
    return first, datetime(int(year) + int(number) // 12, int(number) % 12 + 1, 1, tzinfo=zone())


def entries(wanted: Wanted, page: int) -> list[tuple[LedgerEntry, str | None, str | None]]:
    """A page of entries, newest first, one more than PAGE if there are more: (entry, whose address, contribution)."""
    found = db.session.execute(_listed(wanted).offset((page - 1) * PAGE).limit(PAGE + 1))
    return [(entry, email, contribution) for entry, email, contribution in found]


def sums(wanted: Wanted) -> dict[str, dict[str, int]]:
    """Currency -> kind -> sum in minor units, and under "net" their total: currencies are never added up."""
    found: dict[str, dict[str, int]] = {}
    query = select(LedgerEntry.currency, LedgerEntry.kind, func.sum(LedgerEntry.amount)).where(*wanted.conditions())
    for currency, kind, total in db.session.execute(query.group_by(LedgerEntry.currency, LedgerEntry.kind).order_by(LedgerEntry.currency)):
        of_currency = found.setdefault(currency, {"net": 0})
        of_currency[kind] = int(total)
        of_currency["net"] += int(total)
    return found


def rows(wanted: Wanted) -> Iterator[tuple[Any, ...]]:
    """Every entry as a row of HEAD, newest first; amounts in whole units with their decimals."""
    for entry, email, contribution in db.session.execute(_listed(wanted).execution_options(yield_per=1000)):
        yield (
            entry.occurred_at.isoformat(), entry.recorded_at.isoformat(), entry.kind, entry.purpose,
            major(entry.amount, entry.currency), entry.currency.upper(), entry.source_id, entry.charge_id, entry.customer_id,
            entry.subscription_id, entry.invoice_id, email, contribution, entry.note,
        )  # fmt: skip


def contributions(status: str, about: str, page: int) -> list[Contribution]:
    """A page of contributions, newest first, one more than PAGE if there are more; ``about`` is an address or a name's part."""
    query = select(Contribution).order_by(Contribution.id.desc())
    if status:
        query = query.where(Contribution.status == status)
    if about:
        words = about.casefold()
        query = query.where(
            Contribution.email_key.contains(words, autoescape=True) | func.lower(Contribution.name).contains(words, autoescape=True)
        )
    return list(db.session.scalars(query.offset((page - 1) * PAGE).limit(PAGE + 1)))


def contribution(public_id: str) -> Contribution | None:
    """One contribution by its public id."""
    return db.session.scalars(select(Contribution).where(Contribution.public_id == public_id)).one_or_none()


def entries_of(contribution_id: int) -> list[LedgerEntry]:
    """Everything the ledger has of a contribution, newest first."""
    query = select(LedgerEntry).where(LedgerEntry.contribution_id == contribution_id)
    return list(db.session.scalars(query.order_by(LedgerEntry.occurred_at.desc(), LedgerEntry.id.desc())))


def payments_of_account(account_id: int, most: int = 24) -> list[LedgerEntry]:
    """A reader's newest payments."""
    query = select(LedgerEntry).where(LedgerEntry.account_id == account_id, LedgerEntry.kind == "payment")
    return list(db.session.scalars(query.order_by(LedgerEntry.occurred_at.desc(), LedgerEntry.id.desc()).limit(most)))


def _listed(wanted: Wanted) -> Any:
    whose = func.coalesce(Account.email, Contribution.email)  # a guest's is what she typed
    query = select(LedgerEntry, whose, Contribution.public_id)
    query = query.outerjoin(Account, Account.id == LedgerEntry.account_id).outerjoin(
        Contribution, Contribution.id == LedgerEntry.contribution_id
    )
    return query.where(*wanted.conditions()).order_by(LedgerEntry.occurred_at.desc(), LedgerEntry.id.desc())
