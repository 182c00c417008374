"""From the journal to the worker: what is due becomes a job for each Customer, not one for each event.

The door writes one row and nothing else; the worker looks at the journal every half second (kit/jobs.watch). Taking an
event up moves its ``due_at`` ahead by CLAIM in the commit that queues the job, so that two workers do not take up the
same, and whatever is lost on the way (a restored backup, a queue that was emptied) is due again.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import select, tuple_, update

from kit import clock, jobs
from kit.database import alone, db
from payments import restoring
from payments.models import StripeEvent
from payments.models.journal import IS_NEW

CLAIM = timedelta(minutes=10)
AT_ONCE = 1000  # events; queueing is short, but on SQLite nobody else writes meanwhile


def some_due() -> bool:
    """Is there anything to take up? A look at one index; where there is, whether a restored backup waits for Stripe's list."""
    return db.session.scalar(select(StripeEvent.event_id).where(*_due()).limit(1)) is not None and not restoring.holds()


def pick_up() -> int:
    """Queue jobs for what is due; answers how many. The caller commits."""
    alone("payments.pick_up")
    row = (StripeEvent.account, StripeEvent.event_id, StripeEvent.customer_id, StripeEvent.object_id, StripeEvent.attempts)
    found = list(db.session.execute(select(*row).where(*_due()).order_by(StripeEvent.due_at).limit(AT_ONCE)))
    if not found:
        return 0
    _claim(found)
    # An event that failed before comes alone, so that it spoils no other.
    together = dict.fromkeys((one.account, one.customer_id or one.object_id or one.event_id) for one in found if not one.attempts)
    by_itself = [(one.account, one.event_id) for one in found if one.attempts]
    for account, key in together:
        jobs.enqueue("payments.apply_waiting", account, key)
    for account, event_id in by_itself:
        jobs.enqueue("payments.apply_event", account, event_id)
    return len(together) + len(by_itself)


def _due() -> tuple[Any, ...]:
    return IS_NEW, StripeEvent.due_at <= clock.now()


def _claim(found: Sequence[Any]) -> None:
    until = clock.now() + CLAIM
    for start in range(0, len(found), 250):
        ids = [(one.account, one.event_id) for one in found[start : start + 250]]
        here = tuple_(StripeEvent.account, StripeEvent.event_id).in_(ids)
        db.session.execute(update(StripeEvent).where(here).values(due_at=until).execution_options(synchronize_session=False))
