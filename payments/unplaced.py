"""Money that we could not place when it came: looked at again whenever we learn something of its Customer."""

from collections.abc import Sequence

from sqlalchemy import select

from kit.database import db
from kit.jobs import enqueue
from payments.models import LedgerEntry


def look_again(customer_ids: Sequence[str]) -> None:
    """Queue a look at each payment of these Customers that has no purpose, or nobody's account. (A noted one is for staff.)"""
    unplaced = (LedgerEntry.purpose == "unknown") | LedgerEntry.account_id.is_(None)
    waiting = select(LedgerEntry.charge_id, LedgerEntry.customer_id).where(
        LedgerEntry.customer_id.in_(customer_ids), LedgerEntry.kind == "payment", unplaced
    )
    for charge_id, customer_id in db.session.execute(waiting.where(LedgerEntry.note == "").limit(500)):
        enqueue("payments.follow_charge", charge_id, customer_id)
