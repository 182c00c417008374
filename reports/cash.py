"""Reads the ledger for the reports: sums by month, purpose and kind in one scan."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select

from kit.database import db
from payments import raised
from payments.models import LedgerEntry
from reports.buckets import lies_in
from reports.domain.cash import Cash


def by_month(bounds: Sequence[datetime]) -> list[dict[str | None, dict[str, Cash]]]:
    """For each month between ascending bounds: purpose -> currency -> Cash; the key None has every purpose together.

    Contributions in doubt are "held", as payments/raised.py has it: in the cash, not among the contributions.
    """
    found: list[dict[str | None, dict[str, Cash]]] = [{None: {}} for _ in bounds[1:]]
    entry = LedgerEntry
    # PostgreSQL groups by a name, not by an expression with parameters: hence the inner query.
    each = (
        select(
            lies_in(entry.occurred_at, bounds).label("month"), raised.purpose().label("purpose"), entry.currency, entry.kind, entry.amount
        )
        .where(entry.occurred_at >= bounds[0], entry.occurred_at < bounds[-1])
        .subquery()
    )
    by = (each.c.month, each.c.purpose, each.c.currency, each.c.kind)
    query = select(*by, func.sum(each.c.amount), func.count()).group_by(*by)
    for n, purpose, currency, kind, amount, count in db.session.execute(query):
        for key in (None, purpose):
            found[n].setdefault(key, {}).setdefault(currency, Cash()).add(kind, int(amount), count)
    return found
