"""Grace: the days for which access is kept after a failed renewal, as the editor set them."""

from datetime import timedelta

from sqlalchemy import select

from kit import clock
from kit.database import db
from kit.jobs import enqueue
from kit.settings import settings
from membership.domain import grace as rules
from membership.domain.grace import Grace
from membership.models import GraceTerm


class GraceRefused(ValueError):
    """Not a number of days that can be kept; its text says why."""


def in_force() -> Grace:
    """The setting GRACE_DAYS, and every change that an editor made since."""
    rows = history()
    changes = tuple((row.set_at, timedelta(days=row.days)) for row in reversed(rows))
    return Grace(timedelta(days=settings()["GRACE_DAYS"]), changes)


def history() -> list[GraceTerm]:
    """What was decided, newest first."""
    return list(db.session.scalars(select(GraceTerm).order_by(GraceTerm.set_at.desc(), GraceTerm.id.desc())))


def change(days: int, by: str) -> GraceTerm | None:
    """From now on ``days`` of grace; a job brings every membership in line. None when that is what counts already.

    Raises GraceRefused outside of 0 to 60. The caller commits.
    """
    if not 0 <= days <= rules.LONGEST:
        raise GraceRefused(f"Between 0 and {rules.LONGEST} days.")
    if in_force().current == timedelta(days=days):
        return None
    row = GraceTerm(days=days, set_by=by, set_at=clock.now())
    db.session.add(row)
    db.session.flush()
    enqueue("membership.follow_grace", row.id, key=str(row.id))
    return row
