"""The database: one session a request, SQLite made safe, instants that stay instants.

SQLite runs in WAL with ``synchronous=FULL``: an answer of 2xx to Stripe means the row survives a power cut.
Whoever may write begins with BEGIN IMMEDIATE, so that two writers queue at the start of their transactions
and never fail in the middle (a deferred transaction that turns writer late gets "database is locked" at once).
"""

import sqlite3
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from flask import Flask, g, has_request_context, request
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import DateTime, Dialect, MetaData, TypeDecorator, event, func, insert, select, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Names every constraint, so that a migration on either database can find it again."""

    metadata = MetaData(naming_convention=NAMING)


db = SQLAlchemy(model_class=Base, disable_autonaming=True)

if TYPE_CHECKING:

    class Model(Base):
        """What type checkers see in place of ``db.Model``, which they cannot follow."""

        __abstract__ = True
else:
    Model = db.Model


class UTCDateTime(TypeDecorator[datetime]):
    """An instant. Takes aware datetimes only and gives them back in UTC (SQLite would drop the zone)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a datetime without a zone cannot be stored: {value!r}")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


PATIENCE, PAGE_PATIENCE = 15_000, 5_000  # milliseconds to wait for somebody else's lock

# A request that only reads must not queue behind writers; everything else (POST, jobs, commands) may write.
_writing: ContextVar[bool] = ContextVar("writing", default=True)


def init_app(app: Flask) -> None:
    """Bind the database to the application, with engine settings for the one it uses."""
    url = app.config["SQLALCHEMY_DATABASE_URI"]
    options: dict[str, Any] = app.config.setdefault("SQLALCHEMY_ENGINE_OPTIONS", {})
    if ":memory:" not in url:  # which has one line and no pool
        options.setdefault("pool_timeout", PAGE_PATIENCE / 1000)  # where all lines are taken, a page hears as soon as of a lock
    options.setdefault("hide_parameters", True)  # an error's text goes to the log, and a row may hold a password's hash
    if url.startswith("sqlite"):
        options.setdefault("connect_args", {"timeout": 15, "check_same_thread": False})
    else:
        options.setdefault("pool_pre_ping", True)
        options.setdefault("pool_recycle", 1800)
        timeouts = f"-c statement_timeout=15000 -c lock_timeout={PAGE_PATIENCE} -c idle_in_transaction_session_timeout=30000"
        options.setdefault("connect_args", {"options": timeouts, "connect_timeout": 5})
    db.init_app(app)
    with app.app_context():
        prepare(db.engine)
    app.before_request(_mark_reader)
    app.teardown_request(_stop_reading)


def prepare(engine: Engine) -> None:
    """Give a SQLite engine its pragmas and its BEGIN; PostgreSQL needs nothing here."""
    if engine.dialect.name != "sqlite":
        return
    event.listen(engine, "connect", sqlite_pragmas)
    event.listen(engine, "begin", _sqlite_begin)


def sqlite_pragmas(connection: Any, _record: Any = None) -> None:
    """What every connection to SQLite needs, whoever opens it."""
    connection.isolation_level = None  # we emit BEGIN ourselves, see _sqlite_begin
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        f"busy_timeout={PATIENCE}",
        "trusted_schema=OFF",
        "cell_size_check=ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _sqlite_begin(connection: Any) -> None:
    # Straight to the driver: through SQLAlchemy this one word would cost as much as a look-up.
    driver = connection.connection.driver_connection
    connection.info["changes"] = driver.total_changes
    if not _writing.get():
        driver.execute("BEGIN")
        return
    # Somebody who looks at a page hears after five seconds that the database is busy, as on PostgreSQL; a job can wait.
    patience = PAGE_PATIENCE if has_request_context() else PATIENCE
    if connection.info.get("patience", PATIENCE) != patience:
        driver.execute(f"PRAGMA busy_timeout={patience}")
        connection.info["patience"] = patience
    try:
        driver.execute("BEGIN IMMEDIATE")
    except sqlite3.Error as error:  # what a listener raises goes past SQLAlchemy, which would have given it its name
        raise DBAPIError.instance("BEGIN IMMEDIATE", None, error, sqlite3.Error, dialect=connection.dialect) from error


def _mark_reader() -> None:
    _writing.set(request.method not in ("GET", "HEAD", "OPTIONS"))


def read_first() -> None:
    """Say that this POST only reads until it calls ``begin_write``.

    Checking a password takes 25 ms of computing; SQLite's one writer must not wait for it.
    """
    _writing.set(False)


def begin_write() -> None:
    """Say that this GET (a meter, a return from Checkout), or a POST that read first, will write after all.

    Ends the reading transaction that may be open, so call it before reading what the write depends on.
    """
    if has_request_context() and not _writing.get():
        _writing.set(True)
        _stop_reading()
        if db.engine.dialect.name == "sqlite":
            db.session.rollback()


class WroteAlready(RuntimeError):
    """A transaction that wrote is open where none may be: commit it first (at the door), or ask first and write then."""


def end_reading() -> None:
    """Before somebody far away is asked: end the session's transaction if it only read. Raises WroteAlready if it wrote.

    To roll that back in silence would lose it; to keep it open would hold SQLite's one lock while a network answers.
    """
    if not db.session.registry.has() or not db.session().in_transaction():
        return
    session = db.session()
    if session.new or session.deleted or any(session.is_modified(one) for one in session.dirty) or _wrote(session.connection()):
        raise WroteAlready("the session's transaction has written: commit it before Stripe is asked")
    session.rollback()


def _wrote(connection: Any) -> bool:
    if connection.dialect.name == "sqlite":
        return connection.connection.driver_connection.total_changes != connection.info.get("changes")
    return connection.scalar(text("select pg_current_xact_id_if_assigned()")) is not None


def alone(name: str) -> None:
    """Until this transaction ends, whoever else asks for ``name`` waits (SQLite has one writer anyway)."""
    if db.engine.dialect.name == "postgresql":
        db.session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))


@contextmanager
def reading() -> Generator[None]:
    """Within this, transactions that begin only read, so on SQLite they wait for no writer (headers of a POST's answer)."""
    token = _writing.set(False)
    try:
        yield
    finally:
        _writing.reset(token)


def page_connection() -> Any:
    """The driver's connection to read a page by: the session's if it has begun, else a plain one until the request ends.

    A session costs a page as much as two look-ups. So long as nothing made it begin, it has nothing that we should see.
    """
    # Asked of the registry first: looking for the session would make one.
    begun = db.session.registry.has() and db.session().in_transaction()
    if begun or _writing.get() or not has_request_context():
        return db.session.connection().connection
    if "reading" not in g:
        g.reading = db.engine.raw_connection()
        if db.engine.dialect.name == "sqlite":
            g.reading.driver_connection.execute("BEGIN")  # one state for the whole page; PostgreSQL's driver begins by itself
    return g.reading


def _stop_reading(_error: BaseException | None = None) -> None:
    """Give the plain connection back; the pool rolls it back."""
    opened = g.pop("reading", None)
    if opened is not None:
        opened.close()


def insert_ignoring(table: Any) -> Any:
    """``INSERT ... ON CONFLICT DO NOTHING`` for either database; ``rowcount`` says whether it was new."""
    return _insert_ignoring(table, db.engine.dialect.name)


@cache
def _insert_ignoring(table: Any, dialect: str) -> Any:
    """Built once: SQLAlchemy keeps the SQL of a statement with the statement, and building one costs more than running it."""
    from sqlalchemy.dialects import postgresql, sqlite

    dialects: dict[str, Callable[[Any], Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
    statement = dialects.get(dialect, insert)(table).on_conflict_do_nothing()
    # PostgreSQL's driver forgets the count when a primary key comes back with the insert, unless asked to keep it.
    return statement.execution_options(preserve_rowcount=True)


def upsert(table: Any, keys: list[str], values: dict[str, Any]) -> Any:
    """``INSERT ... ON CONFLICT (keys) DO UPDATE`` of everything else in ``values``."""
    from sqlalchemy.dialects import postgresql, sqlite

    statement = (sqlite.insert if db.engine.dialect.name == "sqlite" else postgresql.insert)(table).values(**values)
    changed = {name: statement.excluded[name] for name in values if name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=changed)
