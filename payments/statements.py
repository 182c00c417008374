"""Yearly statements: what somebody paid and what went back in a calendar year of the publication's zone, by the ledger."""

from dataclasses import dataclass, field
from datetime import date, datetime

from flask_babel import gettext as _
from sqlalchemy import ColumnElement, select

from kit import clock
from kit.database import db
from kit.formats import local, zone
from membership.models import Account
from payments.models import Contribution, LedgerEntry, Receipt

MOVED = ("payment", "refund", "refund_failed", "dispute", "dispute_reversal")


@dataclass(frozen=True, slots=True)
class Line:
    """One movement: signed minor units, in words, with the number of the payment's receipt ("" where it has none)."""

    at: datetime
    words: str
    number: str
    amount: int


@dataclass(slots=True)
class Sums:
    """Of one currency, minor units: paid, of which to cover fees, and what went back (less what came again)."""

    paid: int = 0
    fee_cover: int = 0
    back: int = 0


@dataclass(slots=True)
class Statement:
    """One person's year; lines and sums by currency, oldest first. ``last`` is today while the year runs."""

    year: int
    email: str
    name: str
    first: date
    last: date
    made_at: datetime
    lines: dict[str, list[Line]] = field(default_factory=dict)
    sums: dict[str, Sums] = field(default_factory=dict)


def years_of(account_id: int) -> list[int]:
    """The calendar years, newest first, in which this reader's money moved."""
    return _years(LedgerEntry.account_id == account_id)


def years_of_guest(receipt: Receipt) -> list[int]:
    """The same for the guest who has this receipt."""
    return _years(_guest(receipt))


def of_account(account: Account, year: int) -> Statement | None:
    """A reader's statement; None for a year in which nothing moved."""
    return _statement(LedgerEntry.account_id == account.id, year, account.email, account.name or "")


def of_guest(receipt: Receipt, year: int) -> Statement | None:
    """A guest's, by any of her receipts: every payment whose receipt went to the same address and is nobody's account's."""
    payment = db.session.get_one(LedgerEntry, receipt.ledger_entry_id)
    given = db.session.get(Contribution, payment.contribution_id) if payment.contribution_id else None
    return _statement(_guest(receipt), year, receipt.email, given.name if given else "")


def _guest(receipt: Receipt) -> ColumnElement[bool]:
    hers = select(Receipt.ledger_entry_id).where(Receipt.email_key == receipt.email_key, Receipt.account_id.is_(None))
    charges = select(LedgerEntry.charge_id).where(LedgerEntry.id.in_(hers))
    return LedgerEntry.charge_id.in_(charges)


def _moved(whose: ColumnElement[bool]) -> list[ColumnElement[bool]]:
    return [whose, LedgerEntry.kind.in_(MOVED), LedgerEntry.purpose != "unknown"]


def _years(whose: ColumnElement[bool]) -> list[int]:
    found = db.session.scalars(select(LedgerEntry.occurred_at).where(*_moved(whose)))
    return sorted({local(at).year for at in found}, reverse=True)


def _statement(whose: ColumnElement[bool], year: int, email: str, name: str) -> Statement | None:
    if not 1970 <= year <= 9998:
        return None
    now = clock.now()
    begins, ends = datetime(year, 1, 1, tzinfo=zone()), datetime(year + 1, 1, 1, tzinfo=zone())
    made = Statement(year, email, name, date(year, 1, 1), min(date(year, 12, 31), local(now).date()), now)
    query = select(LedgerEntry).where(*_moved(whose), LedgerEntry.occurred_at >= begins, LedgerEntry.occurred_at < ends)
    entries = list(db.session.scalars(query.order_by(LedgerEntry.occurred_at, LedgerEntry.id)))
    receipts = _receipts({entry.charge_id for entry in entries if entry.charge_id})
    for entry in entries:
        _add(made, entry, receipts.get(entry.charge_id or ""))
    return made if entries else None


def _receipts(charge_ids: set[str]) -> dict[str, Receipt]:
    """The receipt of each Charge (of an earlier year's too: its refund came in this one)."""
    query = select(LedgerEntry.charge_id, Receipt).join(Receipt, Receipt.ledger_entry_id == LedgerEntry.id)
    return {
        charge_id: receipt for charge_id, receipt in db.session.execute(query.where(LedgerEntry.charge_id.in_(charge_ids))) if charge_id
    }


def _add(made: Statement, entry: LedgerEntry, receipt: Receipt | None) -> None:
    sums = made.sums.setdefault(entry.currency, Sums())
    if entry.kind == "payment":
        sums.paid += entry.amount
        sums.fee_cover += receipt.fee_cover if receipt else 0
        words = receipt.what if receipt else _("Payment")
    else:
        sums.back -= entry.amount
        words = {
            "refund": _("Paid back to you"),
            "refund_failed": _("A repayment that did not reach you"),
            "dispute": _("Taken back through your bank"),
            "dispute_reversal": _("Returned by your bank"),
        }[entry.kind]
    made.lines.setdefault(entry.currency, []).append(Line(entry.occurred_at, words, receipt.number if receipt else "", entry.amount))
