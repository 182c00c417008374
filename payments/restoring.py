"""After a backup was restored: what happened before the loss was told by mail, what happened since was not.

An event names a Charge, and the look that follows writes of it all that is new to us: the receipt that was mailed before
the loss beside the refund that nobody was told of. So not the look decides which mail is sent, but when its fact happened:
until ``told_until``, the newest event that Stripe counts as delivered and that we do not have, all was told. Until Stripe's
list was read nobody knows that instant, and nothing is applied.
"""

from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta

from sqlalchemy import select, update

from kit import clock, mail, timekeeping
from kit.database import db
from payments.models import Restoration, StripeEvent
from payments.models.journal import IS_NEW

LONGEST = timedelta(hours=1)  # for which events wait for the list: a key that may not read it must not hold them up for ever
SECOND, SLACK = timedelta(seconds=1), timedelta(minutes=1)  # how exact Stripe's times are; how soon after its fact an event is made


def begin() -> None:
    """The backup was put back just now. What waits in it was applied, and told, soon after it was made. The caller commits."""
    timekeeping.note()  # what the backup believed is as old as it is
    db.session.add(Restoration(restored_at=clock.now()))
    db.session.execute(update(StripeEvent).where(IS_NEW).values(quiet=True))
    db.session.flush()


def holds() -> bool:
    """Must events wait, because nobody knows yet what was told? One look-up of a table with a row a restored backup."""
    newest = select(Restoration.compared_at, Restoration.restored_at).order_by(Restoration.id.desc()).limit(1)
    found = db.session.execute(newest).first()
    return found is not None and found.compared_at is None and clock.now() - found.restored_at < LONGEST


def compared(until: int | None) -> None:
    """Stripe's list was read. ``until``: the newest event that was told and lost (seconds since 1970). The caller commits."""
    row = _newest()
    if row is not None and row.compared_at is None:
        row.compared_at, row.told_until = clock.now(), clock.from_timestamp(until)


def may_walk() -> bool:
    """Is it the turn of comparing everything? Once, when the events are applied: what the walk finds first is mailed by nobody."""
    row = _newest()
    if row is None or row.compared_at is None or row.walked_at is not None:
        return False
    if db.session.scalar(select(StripeEvent.event_id).where(IS_NEW).limit(1)) is not None:
        return False
    row.walked_at = clock.now()
    return True


def told_before() -> datetime | None:
    """Before which instant everything was told; None where no backup was restored, or nothing was lost with it."""
    until = db.session.scalar(select(Restoration.told_until).order_by(Restoration.id.desc()).limit(1))
    return until + SECOND if until else None


def quiet(told: datetime | None, untold: int | None) -> AbstractContextManager[None]:
    """For the writing of a look. ``told``: see ``told_before``; ``untold``: of the events that brought it about the oldest
    that nobody was ever told (seconds since 1970), None where each was."""
    if told is None or untold is None:
        return mail.quiet(untold is None, until=told)
    # Compared as numbers: what an event says of its time may lie beyond every calendar.
    return mail.quiet(False, until=datetime.fromtimestamp(min(told.timestamp(), untold - SLACK.total_seconds()), UTC))


def hushed() -> AbstractContextManager[None]:
    """For a look that no event brought about: mails that tell what was told before are not sent."""
    return mail.quiet(holds(), until=told_before())


def _newest() -> Restoration | None:
    return db.session.scalars(select(Restoration).order_by(Restoration.id.desc()).limit(1)).first()
