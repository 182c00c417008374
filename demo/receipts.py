"""Receipts of the readers who can sign in; nobody could open those of the others."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Collection, Iterator

from flask_babel import gettext as _
from sqlalchemy import select

from demo.tables import Row
from kit import formats
from kit.database import db
from kit.settings import settings
from membership.models import Account
from payments.models.contributions import Contribution
from payments.models.ledger import LedgerEntry


def of_readers(addresses: Collection[str]) -> Iterator[Row]:
    """A row for each payment of these readers, oldest first, numbered by the year as payments/receipts.py does it. No mail."""
    payments = (
        select(LedgerEntry, Account, Contribution)
        .join(Account, Account.id == LedgerEntry.account_id)
        .outerjoin(Contribution, Contribution.id == LedgerEntry.contribution_id)
        .where(Account.email.in_(addresses), LedgerEntry.kind == "payment")
        .order_by(LedgerEntry.occurred_at, LedgerEntry.id)
    )
    given: Counter[int] = Counter()
    for entry, account, contribution in db.session.execute(payments):
        year = formats.local(entry.occurred_at).year
        given[year] += 1
        yield {
            "public_id": secrets.token_hex(16),
            "number": f"{year}-{given[year]:06d}",
            "ledger_entry_id": entry.id,
            "account_id": account.id,
            "email": account.email,
            "email_key": account.email_key,
            "amount": entry.amount,
            "fee_cover": contribution.fee_cover if contribution else 0,
            "currency": entry.currency,
            "what": _what(contribution),
            "issued_at": entry.recorded_at,
        }


def _what(contribution: Contribution | None) -> str:
    site = settings()["SITE_NAME"]
    if contribution is None:
        return _("Subscription to %(site)s", site=site)
    return (
        _("Monthly contribution to %(site)s", site=site) if contribution.frequency == "month" else _("Contribution to %(site)s", site=site)
    )
