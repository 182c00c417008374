"""C16: `flask db upgrade` dies before each of its statements, on both databases. What it leaves is whole, and run again it ends
where one that was let alone does. One real SIGKILL is in test_killed_upgrade.py; here death is an exception that nothing
survives: whatever the dead one still tries, also to commit, fails too."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy.engine import Engine

from app import create_app
from kit import schema
from kit.database import db
from tests.conftest import app_settings
from tests.scenarios.rows import say

ALREADY = "0008"  # what every site has that runs; the dozens of statements of the first revisions die in the chain below
STEP = 7
WHOLE = {
    "sqlite": "select type, name, sql from sqlite_master where name not like 'sqlite_stat%'",
    "postgresql": """
        select 'column', concat_ws(' ', table_schema, table_name, column_name, data_type, is_nullable, column_default), ''
          from information_schema.columns where table_schema in ('public', 'dbos')
        union all select 'index', indexname, indexdef from pg_indexes where schemaname in ('public', 'dbos')
        union all select 'constraint', conrelid::regclass::text || conname, pg_get_constraintdef(oid) from pg_constraint
        union all select 'trigger', tgname, pg_get_triggerdef(oid) from pg_trigger where not tgisinternal""",
}


class Death(BaseException):
    """The process is no more."""


@contextmanager
def dies(at: int) -> Iterator[list[str]]:
    """Before the statement of this number, on whatever connection; gives what was said so far."""
    said: list[str] = []

    def strike(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        said.append(statement)
        if len(said) >= at:
            raise Death

    def too_late(_connection: Any) -> None:
        if len(said) >= at:
            raise Death

    sa.event.listen(Engine, "before_cursor_execute", strike)
    sa.event.listen(Engine, "commit", too_late)
    try:
        yield said
    finally:
        sa.event.remove(Engine, "before_cursor_execute", strike)
        sa.event.remove(Engine, "commit", too_late)
        db.engine.dispose()


def survives(at: int, act: Any) -> bool:
    """Does it come to its end before that statement?"""
    try:
        with dies(at):
            act()
    except (Death, sa.exc.PendingRollbackError):  # the latter where Alembic cleaned up in vain
        return False
    return True


def whole() -> tuple[Any, list[Any]]:
    """The revision, and everything that the schema is made of, the job engine's too."""
    with db.engine.connect() as connection:
        at = schema_at(connection)
        rows = connection.exec_driver_sql(WHOLE[db.engine.dialect.name]).all()
    # A table that is made anew has its constraints in any order.
    found = sorted(f"{kind} {name} {sorted(line.strip(', ') for line in (made or '').splitlines())}" for kind, name, made in rows)
    db.engine.dispose()
    return at, found


def schema_at(connection: Any) -> Any:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.scalar(sa.text("select version_num from alembic_version"))


@pytest.fixture
def empty(app: Flask, tmp_path: Path, databases: Any) -> Iterator[None]:
    """An application on a database without a table, in whose context we are."""
    sqlite = db.engine.dialect.name == "sqlite"
    name = "" if sqlite else f"{databases.name}_died"
    url = f"sqlite:///{databases.folder / 'died.db'}" if sqlite else f"{app.config['DATABASE_URL'].rpartition('/')[0]}/{name}"
    if not sqlite:
        say(f'drop database if exists "{name}" with (force)', f'create database "{name}"')
    try:
        with create_app(app_settings(url)).app_context():
            yield
            db.session.remove()
            db.engine.dispose()
    finally:
        if not sqlite:
            say(f'drop database if exists "{name}" with (force)')
        for file in databases.folder.glob("died.db*"):
            file.unlink()


@pytest.mark.slow
def test_C16_a_revision_that_dies_before_any_of_its_statements_leaves_nothing(empty: None, app: Flask) -> None:
    """One that dies has changed nothing at all, or is done, and the job engine's tables were next."""
    upgrade(revision=ALREADY)
    deaths = 0
    for revision in sorted(one for one in schema.revisions() if one > ALREADY):
        before, at = whole(), 1
        while not survives(at, lambda: upgrade(revision=revision)):  # noqa: B023 - called at once
            if whole() != before:
                assert whole()[0] == revision, f"{revision} died before its statement {at} and left a part"
                assert survives(10_000, lambda: upgrade(revision=revision))  # noqa: B023
                break
            deaths, at = deaths + 1, at + 1
    assert deaths > 40
    done = whole()
    with app.app_context():
        assert done == whole()


@pytest.mark.slow
def test_C16_dying_ever_later_the_whole_chain_comes_to_its_end(empty: None, app: Flask) -> None:
    """From an empty database: each run dies a few statements later than the one before, ours and the job engine's."""
    at, runs = 1, 0
    while not survives(at, upgrade):
        at, runs = at + STEP, runs + 1
    assert runs > 10
    with app.app_context():
        wanted = whole()
    assert whole() == wanted
