"""One statement that is a transaction of its own: on the disk when it returns, or refused within two seconds.

For the door that must answer only what is durable, and soon (Stripe's events). It has connections of its own, so it pays
for no session, no BEGIN and no COMMIT, and waits for a lock no longer than PATIENCE, where a page waits five seconds and a job fifteen.
"""

from collections import deque
from typing import Any

from flask import current_app
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError

from kit import database
from kit.database import db
from kit.statements import Prepared

PATIENCE = 1.5  # seconds


def write(statement: Prepared, **values: Any) -> int:
    """Run it; answers how many rows it wrote. Raises SQLAlchemy's OperationalError where the database is locked or away.

    Where the connection turns out to be dead (the database was restarted) it is run once more on a new one: so only
    for a statement that may run twice.
    """
    database.end_reading()  # on SQLite we would wait for ourselves
    ready, idle = statement.compiled(), _idle()
    kept = idle.pop() if idle else None
    try:
        if kept is not None:
            try:
                return _run(kept, ready, values, idle)
            except DBAPIError as error:
                if not error.connection_invalidated:
                    raise
        return _run(_connect(db.engine), ready, values, idle)
    except ready.dialect.loaded_dbapi.Error as error:  # raised while connecting
        raise DBAPIError.instance(ready.sql, None, error, ready.dialect.loaded_dbapi.Error, dialect=ready.dialect) from error


def _run(connection: Any, ready: Any, values: dict[str, Any], idle: deque[Any]) -> int:
    try:
        cursor = ready.execute(lambda: connection, values)
        written = cursor.rowcount
        cursor.close()
    except DBAPIError as error:
        if ready.dialect.is_disconnect(error.orig, connection, None):
            error.connection_invalidated = True
        connection.close()
        raise
    idle.append(connection)
    return written


def _idle() -> deque[Any]:
    """Open connections that nobody uses now; as many as there are threads, at most. Closed with the engine's own."""
    if "durable" not in current_app.extensions:
        idle: deque[Any] = deque()
        current_app.extensions["durable"] = idle
        event.listen(db.engine, "engine_disposed", lambda _engine: _close(idle))
    return current_app.extensions["durable"]


def _close(idle: deque[Any]) -> None:
    while idle:
        idle.pop().close()


def _connect(engine: Engine) -> Any:
    """A plain connection of the driver, each statement its own transaction, with the application's pragmas."""
    places, names = engine.dialect.create_connect_args(engine.url)
    if engine.dialect.name == "sqlite":
        opened = engine.dialect.connect(*places, **{**names, "check_same_thread": False})
        database.sqlite_pragmas(opened)
        opened.execute(f"PRAGMA busy_timeout={int(PATIENCE * 1000)}")
        return opened
    timeouts = f"-c statement_timeout=2000 -c lock_timeout={int(PATIENCE * 1000)}"
    return engine.dialect.connect(*places, **{**names, "options": timeouts, "connect_timeout": 2, "autocommit": True})
