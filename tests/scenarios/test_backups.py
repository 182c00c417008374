"""C10, C19: a copy that is none, bytes that changed."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from kit import schema
from kit.database import db
from membership.models import Account
from payments.models import Restoration
from tests.scenarios.rows import count


def test_C10_C19_a_backup_has_what_was_committed_and_a_damaged_one_is_refused(app: Flask, make_account: Any, tmp_path: Path) -> None:
    if db.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL has pg_dump and page checksums")
    make_account("last@reader.example")
    run = app.test_cli_runner().invoke
    backup = tmp_path / "backup.db"
    with closing(sqlite3.connect(str(db.engine.url.database), isolation_level=None)) as reading_for_long:
        reading_for_long.execute("begin")
        assert reading_for_long.execute("select count(*) from account").fetchone() == (1,)
        make_account("later@reader.example")
        db.session.remove()
        assert reading_for_long.execute("select count(*) from account").fetchone() == (1,), "it reads beside the writer"
        assert run(args=["backup", str(backup)]).exit_code == 0
    db.session.remove()
    with closing(sqlite3.connect(backup)) as opened:
        assert opened.execute("select email from account order by email").fetchall() == [
            ("last@reader.example",),
            ("later@reader.example",),
        ]
    assert "exists already" in run(args=["backup", str(backup)]).output
    whole = backup.read_bytes()
    backup.write_bytes(whole[:8192] + b"\xff" * 8192 + whole[16384:])
    refused = run(args=["restore", str(backup), "--yes"])
    assert (refused.exit_code, "Nothing was restored" in refused.output) == (1, True)
    none = run(args=["restore", str(tmp_path / "none.db")])
    assert (none.exit_code, "there is no file" in none.output, "lost" in none.output) == (1, True, False), "before the question"
    assert count(Account) == 2
    quick = json.loads(run(args=["doctor", "--json"]).stdout)
    assert (quick["database"], quick["integrity"]) == ("ok", "ok")


def test_C10_a_file_that_was_copied_by_hand_is_found_out(app: Flask, make_account: Any, tmp_path: Path) -> None:
    """cp takes the file and not the -wal beside it: each page is sound, and what was committed last is missing."""
    if db.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL has pg_dump and page checksums")
    run = app.test_cli_runner().invoke
    by_hand, backup = tmp_path / "by-hand.db", tmp_path / "backup.db"
    make_account("last@reader.example")
    db.session.remove()
    shutil.copyfile(str(db.engine.url.database), by_hand)
    with closing(sqlite3.connect(tmp_path / "by-hand.db")) as opened:
        assert opened.execute("pragma integrity_check").fetchone() == ("ok",)
        assert opened.execute("select count(*) from account").fetchone() == (0,), "sound, and the last commit is not in it"
    for words in (["verify-backup", str(by_hand)], ["restore", str(by_hand), "--yes"]):
        refused = run(args=words)
        assert (refused.exit_code, "a copy of a file that was in use" in refused.output) == (1, True), words
    assert count(Account) == 1
    assert run(args=["backup", str(backup)]).exit_code == 0
    sound = run(args=["verify-backup", str(backup)])
    assert (sound.exit_code, ": sound, " in sound.output) == (0, True), sound.output
    assert run(args=["restore", str(by_hand), "--copied-by-hand", "--yes"]).exit_code == 0
    assert count(Account) == 0


def test_C11_a_backup_of_an_older_release_is_brought_up_to_date_before_anything_is_made_safe(
    app: Flask, make_account: Any, tmp_path: Path
) -> None:
    """Put back and left behind its schema, nothing of what must not be done twice would have been noted."""
    if db.engine.dialect.name != "sqlite":
        pytest.skip("pg_restore, then flask db upgrade: flask restore --done says so")
    make_account("last@reader.example")
    db.session.remove()
    run, backup = app.test_cli_runner().invoke, tmp_path / "backup.db"
    assert run(args=["backup", str(backup)]).exit_code == 0
    with closing(sqlite3.connect(backup)) as opened:
        opened.execute("drop table timekeeping")  # as at 0016
        opened.execute("update alembic_version set version_num = '0016'")
        opened.commit()
    done = run(args=["restore", str(backup), "--yes"])
    assert (done.exit_code, "at revision 0016: bringing it up to date" in done.output) == (0, True), done.output
    assert (count(Restoration), count(Account)) == (1, 1)
    with closing(sqlite3.connect(backup)) as opened:
        opened.execute("update alembic_version set version_num = '9999'")
        opened.commit()
    refused = run(args=["restore", str(backup), "--yes"])
    assert (refused.exit_code, "which this version does not know" in refused.output) == (1, True)
    assert count(Account) == 1


def test_C11_after_pg_restore_the_schema_comes_first(app: Flask) -> None:
    db.session.remove()
    with db.engine.begin() as connection:
        connection.exec_driver_sql("update alembic_version set version_num = '0016'")
    try:
        refused = app.test_cli_runner().invoke(args=["restore", "--done"])
        assert (refused.exit_code, "First: flask --app app db upgrade" in refused.output) == (1, True)
    finally:
        db.session.remove()
        with db.engine.begin() as connection:
            connection.exec_driver_sql(f"update alembic_version set version_num = '{schema.head()}'")
