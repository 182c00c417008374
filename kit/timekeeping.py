"""What every process knows of the time: the newest instant that was believed, in one row.

The worker writes it each minute. A process that starts takes it for the time when the machine's clock is more than a day
away from it (clock.BRAKE), and so does one whose clock was set while it ran; whoever can ask somebody else what time it is
(payments/timekeeping.py) then says who was right, and all others follow.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import click
import structlog
from flask import Flask
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, mapped_column

from kit import clock
from kit.database import Model, UTCDateTime, db, insert_ignoring, reading

EVERY = 60.0  # seconds between two notes
ASK_AGAIN = 15.0  # seconds between two looks, or questions, while the clock is in doubt

log = structlog.get_logger("kit.timekeeping")


class Timekeeping(Model):
    """One row, ``id`` 1. ``seen_at``: the newest instant that a worker believed."""

    __tablename__ = "timekeeping"

    id: Mapped[int] = mapped_column(primary_key=True)
    seen_at: Mapped[datetime] = mapped_column(UTCDateTime)


class _Process:
    """What this process did last, by the steady count; ``seen``: the row as it was read last, ``wrote``: as it wrote it."""

    def __init__(self) -> None:
        self.began, self.noted, self.looked = False, 0.0, -ASK_AGAIN
        self.seen: datetime | None = None
        self.wrote: datetime | None = None
        self.doubted = False  # at the last look


_process = _Process()


def init_app(app: Flask) -> None:
    """Have the web keep time. Not under test: there the clock is set on purpose."""
    app.cli.add_command(group)
    if not app.config.get("TESTING"):
        app.wsgi_app = Keeping(app)  # type: ignore[method-assign]


class Keeping:
    """Put before the application, as WSGI has it: Flask opens the session before anything of ours, and by the time that it is."""

    def __init__(self, app: Flask) -> None:
        self.inner, self.app = app.wsgi_app, app

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if (not _process.began or clock.doubt() is not None) and environ.get("PATH_INFO") != "/healthz":
            with self.app.app_context():
                watch()
        return self.inner(environ, start_response)


def serve(app: Flask) -> None:
    """A worker begins. As ``init_app``; it needs an application context."""
    if not app.config.get("TESTING"):
        watch()


def watch() -> None:
    """At a process's first request, and while its clock is in doubt: read the row. Else two readings of clocks and no question."""
    if _process.began and clock.doubt() is None:
        return
    if clock.steady() - _process.looked < ASK_AGAIN:
        return
    _process.looked = clock.steady()
    try:
        with reading():
            begin()
            db.session.rollback()
    except SQLAlchemyError:
        db.session.rollback()  # no table yet, or no database: the page says so itself


def begin() -> None:
    """Read the row and believe: the machine's clock where it is within a day of it; at the start, what the row says where not.

    Later the count goes on, unless the row is news from a worker (it changed since the last look) and says something else:
    the worker has asked Stripe. An old row taken for the present would set the time back.
    """
    told, seen = clock.told(), seen_at()
    news = _process.doubted and seen != _process.seen
    if seen is None or abs(told - seen) <= clock.BRAKE:
        clock.keep(told)
    elif not _process.began or (news and abs(seen - clock.now()) > timedelta(seconds=2 * EVERY)):
        clock.keep(seen)
        log.error("the machine's clock is not believed", says=told.isoformat(), believed=seen.isoformat())
    _process.began, _process.seen, _process.doubted = True, seen, clock.doubt() is not None


def heard(at: float) -> None:
    """Stripe signed something new at ``at`` (seconds since 1970). If that is what the machine's clock says, it is right."""
    if clock.doubt() is not None and abs(at - clock.told().timestamp()) < 1:
        log.warning("the machine's clock was set, and Stripe signs by the same")
        clock.keep(clock.told())


def decided() -> bool:
    """While in doubt: has somebody else (``flask clock believe``, another worker) said that the clock is right? Then it is."""
    seen, told = seen_at(), clock.told()
    if seen is None or seen == _process.wrote or abs(told - seen) > clock.BRAKE:
        return False
    clock.keep(told)
    return True


def end() -> None:
    """This process no longer keeps time (tests)."""
    _process.__init__()
    clock.keep(None)


def seen_at() -> datetime | None:
    """The newest instant that a worker believed; None before there was one."""
    return db.session.scalars(select(Timekeeping.seen_at).where(Timekeeping.id == 1)).one_or_none()


def due() -> bool:
    """Has this process something to note or, in doubt, to ask? False where ``begin`` was never called."""
    since = clock.steady() - _process.noted
    return _process.began and since >= (ASK_AGAIN if clock.doubt() else EVERY)


def note(instant: datetime | None = None) -> None:
    """Write that it is ``instant`` (now as believed, where none is given) and, if one is given, believe it. The caller commits."""
    _process.noted = clock.steady()
    if instant is not None:
        clock.keep(instant)
    db.session.execute(insert_ignoring(Timekeeping).values(id=1, seen_at=clock.now()))
    row = db.session.get_one(Timekeeping, 1, with_for_update=True, populate_existing=True)
    row.seen_at = _process.wrote = clock.now()
    db.session.flush()


def asked() -> None:
    """Nobody could be asked just now: again after a while."""
    _process.noted = clock.steady()


def state() -> str:
    """For the doctor: "ok", or that the machine's clock is more than a day away from what the worker believes."""
    seen = seen_at()
    off = clock.told() - seen if seen else timedelta()
    if abs(off) <= clock.BRAKE:
        return "ok"
    return (
        f"it says {clock.told():%Y-%m-%d %H:%M} UTC, a worker last believed {seen:%Y-%m-%d %H:%M}: no worker since then, or the clock was set. "
        "If it is right: flask clock believe"
    )


@click.group("clock")
def group() -> None:
    """What time it is, when the machine's clock was set."""


@group.command("show")
def show() -> None:
    """What the clock says and what a worker last believed."""
    seen = seen_at()
    click.echo(f"This machine's clock: {clock.told():%Y-%m-%d %H:%M:%S} UTC")
    click.echo(f"Last believed by a worker: {f'{seen:%Y-%m-%d %H:%M:%S} UTC' if seen else 'never'}")


@group.command("believe")
def believe() -> None:
    """This machine's clock is right, however far it jumped: web and worker follow within seconds."""
    note(clock.told())
    db.session.commit()
    click.echo(f"It is {clock.told():%Y-%m-%d %H:%M:%S} UTC.")
