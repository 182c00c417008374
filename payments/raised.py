"""What was contributed in a month, by one rule: for the panel that readers see, the report, and its JSON alike.

Payments of contributions in the month (the publication's), renewals of monthly ones in, less what went back in the month:
refunds, less those that failed, and disputes, less those won. What goes back counts in the month in which it goes, not in
the month of its payment. Before the processor's fees. A payment in doubt counts, with all that went back of it, only once
it is cleared.
"""

from collections.abc import Callable
from datetime import datetime

from flask import Flask, current_app
from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, case, func, literal, select

from kit import clock
from kit.database import db
from kit.formats import local
from kit.settings import settings
from payments import books
from payments.models import ChargeRisk, LedgerEntry

KINDS = ("payment", "refund", "refund_failed", "dispute", "dispute_reversal")
RULE = _l(
    "Counted are the contributions paid in the month, less what went back in it (refunds and disputes), before the processor's "
    "fees. What goes back counts in the month in which it goes. Payments held for review count once they are cleared."
)

GoalSource = Callable[[str, str], int | None]


def purpose() -> ColumnElement[str]:
    """An entry's purpose, for sums: "held" for a contribution's that is in doubt."""
    doubtful = select(ChargeRisk.charge_id).where(ChargeRisk.doubt != "")
    held = (LedgerEntry.purpose == "contribution") & LedgerEntry.charge_id.in_(doubtful)
    return case((held, literal("held")), else_=LedgerEntry.purpose)


def between(first: datetime, after: datetime) -> dict[str, int]:
    """Currency -> minor units raised in the half-open range."""
    counted = (LedgerEntry.occurred_at >= first, LedgerEntry.occurred_at < after, LedgerEntry.kind.in_(KINDS), purpose() == "contribution")
    sums = select(LedgerEntry.currency, func.sum(LedgerEntry.amount)).where(*counted).group_by(LedgerEntry.currency)
    return {currency: int(total) for currency, total in db.session.execute(sums)}


def goal_from(app: Flask, source: GoalSource) -> None:
    """Take the month's goal from ``source(month, currency)`` (the room that keeps goals calls this, at start)."""
    app.extensions["goal_source"] = source


def this_month() -> tuple[int, int] | None:
    """(raised, goal) of the running month in the publication's currency; None where no goal is set."""
    source, currency = current_app.extensions.get("goal_source"), settings()["CURRENCY"]
    month = f"{local(clock.now()):%Y-%m}"
    goal = source(month, currency) if source else None
    return (between(*books.month_bounds(month)).get(currency, 0), goal) if goal else None
