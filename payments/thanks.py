"""Public thanks: who allowed her name to be shown, whom staff approved, and how she takes it back."""

from datetime import UTC, datetime

from sqlalchemy import ColumnElement, select

from kit import clock
from kit.database import db
from payments.models import Contribution

PAGE = 50
EVER = datetime(1970, 1, 1, tzinfo=UTC)  # "at any time", said so that SQLite takes the index on it: few consent


def _consents() -> list[ColumnElement[bool]]:
    """Paid, not given back, not in doubt, with consent that stands."""
    return [
        Contribution.consented_at > EVER,
        Contribution.withdrawn_at.is_(None),
        Contribution.anonymous.is_(False),
        Contribution.held.is_(False),
        Contribution.paid_at.is_not(None),
        Contribution.status != "refunded",
    ]


def published(page: int) -> list[Contribution]:
    """A page of those whom we thank in public, newest first, one more than PAGE if there are more."""
    query = select(Contribution).where(*_consents(), Contribution.approved_at.is_not(None))
    query = query.order_by(Contribution.approved_at.desc(), Contribution.id.desc())
    return list(db.session.scalars(query.offset((page - 1) * PAGE).limit(PAGE + 1)))


def waiting(most: int = 100) -> list[Contribution]:
    """Those who consented and whom nobody of staff has read yet, oldest first."""
    query = select(Contribution).where(*_consents(), Contribution.approved_at.is_(None))
    return list(db.session.scalars(query.order_by(Contribution.id).limit(most)))


def may_publish(contribution: Contribution) -> bool:
    """May staff put this one on the page?"""
    return db.session.scalar(select(Contribution.id).where(Contribution.id == contribution.id, *_consents())) is not None


def approve(contribution: Contribution, *, by: int) -> None:
    """Put it on the page. Raises LookupError where there is no consent that stands, or the payment does not."""
    if not may_publish(contribution):
        raise LookupError("nobody consented to this")
    contribution.approved_at, contribution.approved_by = clock.now(), by


def take_down(contribution: Contribution) -> None:
    """Off the page, by staff; her consent stays on record."""
    contribution.approved_at, contribution.approved_by = None, None


def withdraw(contribution: Contribution) -> None:
    """She takes her consent back: off the page at once, and for good."""
    if contribution.consented_at is not None and contribution.withdrawn_at is None:
        contribution.withdrawn_at = clock.now()
