"""Goals: what the newsroom hopes for in a month, by currency."""

from datetime import datetime

from sqlalchemy import delete, select

from kit.database import db, upsert
from reports.domain.months import Month
from reports.models import Goal


def between(first: Month, last: Month) -> dict[Month, dict[str, int]]:
    """Month -> currency -> minor units, for the months that have a goal."""
    found: dict[Month, dict[str, int]] = {}
    for goal in db.session.scalars(select(Goal).where(Goal.month.between(str(first), str(last)))):
        found.setdefault(Month.parse(goal.month), {})[goal.currency] = goal.amount
    return found


def of_month(month: str, currency: str) -> int | None:
    """The goal of one month ("2026-11"), minor units; None where there is none."""
    return db.session.scalar(select(Goal.amount).where(Goal.month == month, Goal.currency == currency))


def put(month: Month, currency: str, amount: int | None, *, by: int | None, at: datetime) -> None:
    """Set the goal of a month in minor units, or take it away with None."""
    if amount is None:
        db.session.execute(delete(Goal).where(Goal.month == str(month), Goal.currency == currency))
        return
    values = {"month": str(month), "currency": currency, "amount": amount, "set_by": by, "set_at": at}
    db.session.execute(upsert(Goal, ["month", "currency"], values))
