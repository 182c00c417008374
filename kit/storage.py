"""Does the database keep what it was given? Looked at once a day, told to ADMIN_EMAIL; the doctor asks the same.

SQLite has no checksums: what is found is a file whose structure is broken (pages, order, indexes against tables,
constraints). A letter that changed within a text is not; of Stripe's events `flask journal verify` finds that too.
PostgreSQL counts pages that failed their checksum when somebody read them (a nightly pg_dump reads every table).
"""

import sqlite3
from contextlib import closing
from urllib.parse import quote

import structlog
from flask import current_app
from flask_babel import gettext as _
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from kit import clock, mail
from kit.database import db, reading
from kit.jobs import job, schedule
from kit.settings import settings

log = structlog.get_logger("kit.storage")

SHOWN = 5  # faults that are named; a broken page leads to hundreds
FAILED = text(
    "select coalesce(sum(checksum_failures), 0), max(checksum_last_failure) from pg_stat_database "
    "where datname = current_database() or datname is null"
)
SET = text("select name, setting from pg_settings where name in ('fsync', 'synchronous_commit', 'full_page_writes', 'data_checksums')")


def damage(*, thorough: bool = True) -> str:
    """ "ok", or what is broken. ``thorough``: indexes are compared with their tables too, which takes several times as long."""
    if db.engine.dialect.name == "sqlite":
        return _of_the_file("integrity_check" if thorough else "quick_check")
    with reading():
        count, last = db.session.execute(FAILED).one()
        db.session.rollback()
    return f"{count} pages failed their checksum, the last at {last:%Y-%m-%d %H:%M}" if count else "ok"


def _of_the_file(check: str) -> str:
    """On a connection of its own: what ours have read and kept in memory would hide what the disk has become."""
    try:
        with closing(sqlite3.connect(f"file:{quote(str(db.engine.url.database))}?mode=ro", uri=True)) as opened:
            found = [str(row[0]) for row in opened.execute(f"PRAGMA {check}({SHOWN})")]
    except sqlite3.DatabaseError as error:
        return f"{type(error).__name__}: {error}"
    return "ok" if found == ["ok"] else "; ".join(line.replace("\n", ", ") for line in found)


def power_cut() -> str:
    """ "ok", or by which setting of PostgreSQL's a cut of the power takes what was answered for. SQLite is set by us."""
    if db.engine.dialect.name == "sqlite":
        return "ok"
    found = _server()
    off = [f"{name}=off" for name in ("fsync", "synchronous_commit", "full_page_writes") if found[name] == "off"]
    return f"{', '.join(off)}: what Stripe and readers were told is kept may be gone or broken after a power cut" if off else "ok"


def checksums() -> str:
    """ "ok", or a note: not a fault, PostgreSQL before 18 is made without them."""
    if db.engine.dialect.name == "sqlite" or _server()["data_checksums"] == "on":
        return "ok"
    return "note: off, so nobody notices bytes that change on the disk (stop the server, pg_checksums --enable)"


def _server() -> dict[str, str]:
    """These settings as they hold for our own connections: a role or a database may have others than the server."""
    with reading():
        found = {row.name: row.setting for row in db.session.execute(SET)}
        db.session.rollback()
    return found


@job("storage.check")
def check() -> None:
    """Look, and write to ADMIN_EMAIL once a day while it is broken."""
    if (found := damage()) == "ok":
        return
    log.critical("database damaged", found=found)
    _tell(found)


def _tell(found: str) -> None:
    """By the outbox; past it, where the damage is such that nothing can be written down any more."""
    to = settings()["ADMIN_EMAIL"]
    if not to:
        return
    subject = _("The database is damaged")
    body = _(
        "The daily look at the database found it damaged:\n\n%(found)s\n\n"
        "What is damaged does not mend itself, and backups that are made from now on may be damaged too: keep the last ones. "
        "Look at the disk, then put back the last backup that is whole (docs/runbook.md, Restore a backup): what Stripe has is fetched again.\n",
        found=found,
    )
    try:
        mail.queue_mail(to, subject, body, key=f"damaged:{clock.now():%Y-%m-%d}")
        db.session.commit()
    except DBAPIError as error:
        db.session.rollback()
        log.warning("the alarm could not be written down", error=type(error).__name__)
        current_app.extensions["mail_transport"](mail.alone(to, subject, body))


schedule("storage.check", "41 3 * * *", at_start=True)
