"""Work of the clock for gifts: each is delivered on its day."""

from kit.database import db
from kit.jobs import job, schedule
from payments import gifts


@job("payments.deliver_gift")
def deliver_gift(public_id: str) -> None:
    """One gift, as soon as it is paid, if it is for today."""
    gifts.deliver(public_id)
    db.session.commit()


@job("payments.deliver_gifts")
def deliver_gifts() -> None:
    """Every few minutes: all whose day has come. A letter each, a commit each, so that one that fails holds up no other."""
    due = gifts.due()
    db.session.rollback()
    for public_id in due:
        gifts.deliver(public_id)
        db.session.commit()
    db.session.commit()


@job("payments.place_gifts")
def place_gifts() -> None:
    """Gifts that wait for something else to end: it may have ended in a way that nobody told them (a grant was revoked)."""
    accounts = gifts.waiting()
    db.session.rollback()
    for account_id in accounts:
        gifts.place(account_id)
        db.session.commit()
    db.session.commit()


schedule("payments.place_gifts", "*/5 * * * *")
schedule("payments.deliver_gifts", "*/5 * * * *")
