"""Who stands beside the paying members at an instant, and never among them: who tries, was given it, has a seat, is paused; who gives monthly.

One query a list and one for all counts, however many people.
"""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, func, or_, select

from kit.database import db
from payments.models import Contribution, Subscription
from reports.histories import IN_FORCE, ROW, covers, pays
from reports.stocks import pausing

CLASSES = ("trial", "comp", "gift", "seat")
PAUSED = "paused_closing"
KINDS = (*CLASSES, PAUSED)
# Words of Stripe's for a Subscription under which somebody still gives, as far as the last payment tells.
_GIVES = ("active", "past_due")


class Stander(NamedTuple):
    """Somebody beside the members: since when, and until when if that is known."""

    account_id: int
    since: datetime
    until: datetime | None


class Giving(NamedTuple):
    """Recurring giving of one currency: how many monthly contributions, their gifts and the fees covered on top (minor units a month)."""

    count: int
    amount: int
    fee_cover: int


def counts(at: datetime) -> dict[str, int]:
    """Persons of each of CLASSES who read at the instant and are no paying members then; of two classes, in both."""
    query = select(ROW.klass, func.count(ROW.account_id.distinct())).where(*_reading(at), ROW.klass.in_(CLASSES)).group_by(ROW.klass)
    found = dict.fromkeys(CLASSES, 0)
    for klass, count in db.session.execute(query):
        found[klass] = count
    return found


def persons(kind: str, at: datetime) -> list[Stander]:
    """Those whom the count of one of KINDS is of."""
    mine = (IN_FORCE, pausing(at), _no_member(at)) if kind == PAUSED else (*_reading(at), ROW.klass == kind)
    query = select(ROW.account_id, func.min(ROW.effective_at), func.max(ROW.until)).where(*mine).group_by(ROW.account_id)
    return [Stander._make(row) for row in db.session.execute(query)]


def giving(at: datetime) -> dict[str, Giving]:
    """Currency -> monthly contributions that ran at the instant. A second line beside MRR, never in it."""
    row = Subscription
    goes_on = or_(row.ended_at > at, and_(row.ended_at.is_(None), row.status.in_(_GIVES)))
    query = (
        select(Contribution.currency, func.count(), func.sum(Contribution.amount), func.sum(Contribution.fee_cover))
        .join(row, row.id == Contribution.subscription_id)
        .where(row.purpose == "contribution", row.started_at <= at, goes_on, Contribution.frequency == "month")
        .group_by(Contribution.currency)
        .order_by(Contribution.currency)
    )
    return {currency: Giving(count, int(amount), int(fees)) for currency, count, amount, fees in db.session.execute(query)}


def _reading(at: datetime) -> tuple[ColumnElement[bool], ...]:
    return IN_FORCE, covers(at), ROW.state != "paused", _no_member(at)


def _no_member(at: datetime) -> ColumnElement[bool]:
    return ROW.account_id.not_in(select(ROW.account_id).where(IN_FORCE, covers(at), pays()))
