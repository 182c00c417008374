"""The database's revision: what serves, what waits for an upgrade, and what must not start."""

import os
import subprocess
import sys
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from kit import schema
from kit.database import db
from kit.settings import ROOT, SettingsError
from tests.kit.test_settings import GOOD


def at_revision(name: str) -> None:
    db.session.execute(text("update alembic_version set version_num = :name"), {"name": name})
    db.session.commit()


@pytest.fixture
def changed(app: Flask) -> Any:
    yield at_revision
    at_revision(schema.head())


def test_the_newest_is_ready(client: Any) -> None:
    assert client.get("/readyz").status_code == 200


def test_an_older_one_waits_for_its_upgrade_and_starts(client: Any, changed: Any) -> None:
    changed("0001")
    assert client.get("/readyz").status_code == 503
    schema.refuse_unknown()


def test_one_from_a_newer_version_must_not_start_and_goes_on_where_it_runs(app: Flask, client: Any, changed: Any) -> None:
    """A deploy: the schema is ahead of the processes that still serve."""
    changed("9999")
    assert client.get("/readyz").status_code == 200
    with pytest.raises(SettingsError, match="9999"):
        schema.refuse_unknown()


def test_in_production_the_process_refuses_to_start_on_it(app: Flask, changed: Any) -> None:
    changed("9999")
    good = {name: str(value) for name, value in GOOD.items() if not isinstance(value, list)}
    ended = subprocess.run(
        [sys.executable, "-c", "import app; app.create_app()"],
        cwd=ROOT,
        env={**os.environ, **good, "DATABASE_URL": app.config["DATABASE_URL"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode != 0
    assert "does not start. The database is at revision 9999" in ended.stderr
