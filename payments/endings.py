"""What we know of an end, before it comes: whose doing it is, and whether anything that was paid is left until then."""

from sqlalchemy import select

from kit.database import db
from membership.models import MembershipSource
from payments.domain.dunning import OVERDUE
from payments.models import Cancellation, Subscription

SILENT_CAUSES = ("death", "migration")  # nobody is asked to come back


def asked_for(row: Subscription) -> str | None:
    """The cause that the newest asking names, of those that were not taken back; None where nobody asked."""
    asked = (Cancellation.subscription_id == row.id, Cancellation.outcome == "ended", Cancellation.undone_at.is_(None))
    return db.session.scalar(select(Cancellation.cause).where(*asked).order_by(Cancellation.at.desc()).limit(1))


def is_ours(row: Subscription) -> bool:
    """Is the end that is scheduled somebody's decision here, and not the reader's? Then she cannot take it back.

    By the newest asking, not by her standing: that names the cause of money that went back, if some did.
    """
    if row.ends_at is None:
        return False
    return asked_for(row) not in (None, "reader")


def at_once(row: Subscription) -> bool:
    """Would it end at once if she left now: is its running period overdue, so that nothing that she paid is left?"""
    if row.status not in OVERDUE:
        return False
    mine = (MembershipSource.kind == "subscription", MembershipSource.source_id == row.id)
    paid_until = db.session.scalar(select(MembershipSource.paid_until).where(*mine))
    return paid_until is None or paid_until != row.period_end
