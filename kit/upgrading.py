"""Migrations beside a site that runs: on PostgreSQL they wait for a lock so briefly that nobody behind them notices.

Whoever waits for the lock that a migration wants (all of a table) keeps everybody waiting who comes after, readers too:
a page would hear 503 after five seconds and Stripe after two. So it waits a second, lets go of everything, and comes again.
"""

import time
from collections.abc import Callable

import click
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

LOCK_TIMEOUT = 1000  # milliseconds for each lock: less than the webhook's door waits (kit/durable.py)
TRIES, PAUSE = 30, 2.0  # a minute and a half in all

_LONGEST = text(
    "select pid, date_trunc('second', clock_timestamp() - xact_start) as since, left(query, 100) as query from pg_stat_activity "
    "where datname = current_database() and pid <> pg_backend_pid() and xact_start is not null order by xact_start limit 3"
)


def briefly(connection: Connection) -> None:
    """For this connection: no lock is waited for long, and no statement is too long (an index over many rows takes its time)."""
    for setting in (f"lock_timeout = {LOCK_TIMEOUT}", "statement_timeout = 0", "idle_in_transaction_session_timeout = 0"):
        connection.exec_driver_sql(f"set {setting}")
    connection.commit()


def patiently(engine: Engine, attempt: Callable[[], None], *, tries: int = TRIES, pause: float = PAUSE) -> None:
    """Run it until it got its locks. Raises RuntimeError, naming who is in the way, when it never did: then what was not done is undone."""
    for left in reversed(range(tries)):
        try:
            return attempt()
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) != "55P03":  # lock_not_available
                raise
            if not left:
                raise RuntimeError(_in_the_way(engine)) from error
        click.echo(f"Somebody else holds a lock that the migration needs; tried again in {pause:g} seconds.", err=True)
        time.sleep(pause)
    return None


def _in_the_way(engine: Engine) -> str:
    with engine.connect() as connection:
        open_ones = [f"pid {pid}, since {since}: {query}" for pid, since, query in connection.execute(_LONGEST)]
    return (
        "The migration needs a lock that others hold, so it was given up; what it had not finished is as before, and the site goes on. "
        f"Transactions that are open longest: {'; '.join(open_ones) or 'none any more'}. "
        "Wait for them, or end one (select pg_terminate_backend(pid)), and run flask db upgrade again."
    )
