"""The receipt of every payment in the demo's ledger, as payments/receipts.py would have given it. No mail."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterator

from flask_babel import gettext as _
from sqlalchemy import func, select

from demo.tables import Row
from kit import formats
from kit.database import db
from kit.settings import settings
from membership.models import Account
from payments.models.contributions import Contribution
from payments.models.ledger import LedgerEntry


def of_payments() -> Iterator[Row]:
    """A row for each payment, oldest first, numbered by the year; to the contribution's address or the account's."""
    entry = LedgerEntry
    to = func.coalesce(Contribution.email, Account.email), func.coalesce(Contribution.email_key, Account.email_key)
    what = func.coalesce(Contribution.fee_cover, 0), Contribution.frequency
    payments = (
        select(entry.id, entry.account_id, entry.amount, entry.currency, entry.occurred_at, entry.recorded_at, *to, *what)
        .outerjoin(Account, Account.id == entry.account_id)
        .outerjoin(Contribution, Contribution.id == entry.contribution_id)
        .where(entry.kind == "payment")
        .order_by(entry.occurred_at, entry.id)
    )
    words, given = _words(), Counter[int]()
    for id_, account_id, amount, currency, occurred_at, recorded_at, email, email_key, fee_cover, frequency in db.session.execute(payments):
        year = formats.local(occurred_at).year
        given[year] += 1
        yield {
            "public_id": secrets.token_hex(16),
            "number": f"{year}-{given[year]:06d}",
            "ledger_entry_id": id_,
            "account_id": account_id,
            "email": email,
            "email_key": email_key,
            "amount": amount,
            "fee_cover": fee_cover,
            "currency": currency,
            "what": words[frequency],
            "issued_at": recorded_at,
        }


def _words() -> dict[str | None, str]:
    """By the contribution's frequency; None: a subscription's payment. Looked up once for all."""
    site = settings()["SITE_NAME"]
    return {
        None: _("Subscription to %(site)s", site=site),
        "once": _("Contribution to %(site)s", site=site),
        "month": _("Monthly contribution to %(site)s", site=site),
    }
