"""Monthly contributions: which run, and the end of all of an account's. (Ending one: cancellations.end_now. The link to its
page: monthly_links.py.)"""

from sqlalchemy import select

from kit.database import db
from kit.jobs import enqueue
from membership.models import Account
from payments.models import Contribution

RUNNING = ("active", "past_due")


def end_all(account: Account) -> None:
    """An account is being closed: nothing more is charged for it (a signal's handler: queues, never calls)."""
    running = select(Contribution).where(Contribution.account_id == account.id, Contribution.status.in_(RUNNING))
    for row in db.session.scalars(running):
        if row.subscription_id and row.customer_id:
            enqueue("payments.cancel_subscription", row.subscription_id, row.customer_id, key=row.subscription_id)
