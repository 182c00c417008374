"""Which revision the database is at, and which this code was written for."""

import re
from functools import cache

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from kit.database import db
from kit.settings import ROOT, SettingsError

_LINE = re.compile(r'^(revision|down_revision) = (?:"(\w+)"|None)', re.MULTILINE)


@cache
def revisions() -> frozenset[str]:
    """Every revision that this code knows."""
    return frozenset(_chain())


@cache
def head() -> str:
    """The newest one: no other builds on it."""
    return next(iter(set(_chain()) - set(_chain().values())))


@cache
def _chain() -> dict[str, str]:
    """Each revision and the one that it builds on. Read as text: loading Alembic costs every start a quarter of a second."""
    found = {}
    for path in (ROOT / "migrations" / "versions").glob("*.py"):
        names = dict(_LINE.findall(path.read_text()))
        found[names["revision"]] = names["down_revision"]
    return found


def found() -> str | None:
    """The revision that the database is at, None for an empty one. Raises SQLAlchemyError where there is none to ask."""
    return db.session.scalar(text("select version_num from alembic_version"))


def refuse_unknown() -> None:
    """Raise SettingsError where the database is at a revision that this code does not know: it belongs to a newer version.

    An older one may start, because ``flask db upgrade`` must; /readyz says so until it was run.
    """
    try:
        at = found()
    except SQLAlchemyError:
        return  # no tables yet, or no database: not a question of revisions
    finally:
        db.session.rollback()
    if at is not None and at not in revisions():
        raise SettingsError(
            f"Wellspring does not start. The database is at revision {at}, which this version does not know: run the newer one."
        )
