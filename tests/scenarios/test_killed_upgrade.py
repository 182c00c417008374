"""C16: an upgrade that is killed by SIGKILL in the middle of the chain. (Before each statement: test_killed_migrations.py.)"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from kit.database import db
from tests.scenarios.rows import say

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_C16_a_migration_that_was_killed_is_run_again(app: Flask, tmp_path: Path, databases: Any) -> None:
    """Killed before its hundredth statement, in the middle of the chain: the next upgrade ends where one that was let alone does."""
    if db.engine.dialect.name == "sqlite":
        url = f"sqlite:///{tmp_path / 'killed.db'}"
    else:
        name = f"{databases.name}_killed"
        say(f'drop database if exists "{name}" with (force)', f'create database "{name}"')
        url = app.config["DATABASE_URL"].rpartition("/")[0] + f"/{name}"
    try:
        assert upgrade(url, kill_at=100) == -9
        assert upgrade(url) == 0
        assert schema_of(url) == schema_of(app.config["DATABASE_URL"])
    finally:
        if db.engine.dialect.name != "sqlite":
            say(f'drop database if exists "{name}" with (force)')


KILLED = """
import os, signal, sys
import sqlalchemy as sa
from app import create_app
from kit.database import db
app, at, seen = create_app(), int(sys.argv[1]), []

def count(*_):
    seen.append(1)
    if len(seen) == at:
        os.kill(os.getpid(), signal.SIGKILL)

with app.app_context():
    sa.event.listen(db.engine, "before_cursor_execute", count)
    from flask_migrate import upgrade
    upgrade()
"""


def upgrade(url: str, kill_at: int = 0) -> int:
    """What the process ended with: 0, or -9 when it was killed before the given statement."""
    environment = {**os.environ, "DATABASE_URL": url, "APP_ENV": "development", "LOG_LEVEL": "ERROR"}
    done = subprocess.run([sys.executable, "-c", KILLED, str(kill_at)], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode in (0, -9), done.stderr
    return done.returncode


def schema_of(url: str) -> dict[str, Any]:
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    found = sa.inspect(engine)
    tables = {name: sorted(column["name"] for column in found.get_columns(name)) for name in found.get_table_names()}
    with engine.connect() as connection:
        tables["at"] = [connection.scalar(sa.text("select version_num from alembic_version"))]
    engine.dispose()
    return tables
