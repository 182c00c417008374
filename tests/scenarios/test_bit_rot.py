"""C19: bytes that changed on the disk, in the file that is in use. A job looks each day and writes to ADMIN_EMAIL."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from kit import jobs, storage
from kit.database import db

DESK = "desk@ferrybell.example"


@pytest.fixture
def look(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """The day's job, with somebody to tell."""
    monkeypatch.setitem(app.config, "ADMIN_EMAIL", DESK)
    return lambda: jobs.run(app, "storage.check", [])


@pytest.fixture
def rot(app: Flask) -> Callable[..., None]:
    """``rot("index", b"word")``: in the page at which such an index begins, a bit of the word's first letter flips;
    without a word, the count of rows in the page. Nobody has the file open meanwhile: as a disk does it overnight."""
    if db.engine.dialect.name != "sqlite":
        pytest.skip("the files of PostgreSQL are its server's")

    def flip(name: str, word: bytes = b"") -> None:
        db.session.remove()
        with closing(sqlite3.connect(path := Path(str(db.engine.url.database)))) as plain:
            plain.execute("pragma wal_checkpoint(truncate)")
            pages = [page for (page,) in plain.execute("select rootpage from sqlite_master where name like ?", (name,))]
            (size,) = plain.execute("pragma page_size").fetchone()
        db.engine.dispose()
        whole = bytearray(path.read_bytes())
        where = [whole.find(word, (page - 1) * size, page * size) if word else (page - 1) * size + 3 for page in pages]
        whole[max(where)] ^= 0x20
        path.write_bytes(whole)

    return flip


def test_C19_a_broken_file_is_told_once_a_day_and_by_the_doctor(app: Flask, look: Any, rot: Any, outbox: Any, make_account: Any) -> None:
    """Found in an index, where a quick look finds nothing: whoever signs in by it is not found, and nobody else notices."""
    make_account("ann@reader.example")
    look()
    assert outbox() == []
    rot("sqlite_autoindex_account_%", b"ann@reader.example")
    assert (storage.damage(thorough=False), storage.damage() == "ok") == ("ok", False)
    look()
    look()
    (mail,) = outbox()
    assert (mail.recipient, "missing from index" in mail.text) == (DESK, True)


def test_C19_it_is_told_even_where_no_mail_can_be_written_down(app: Flask, look: Any, rot: Any) -> None:
    rot("outbox_mail")
    rot("ix_outbox_mail_created_at")
    look()
    (mail,) = app.extensions["sent_mail"]
    assert (mail["To"], "malformed" in mail.get_content()) == (DESK, True)
    said = app.test_cli_runner().invoke(args=["doctor", "--json"])
    found = json.loads(said.stdout)
    assert (said.exit_code, found["integrity"] == "ok", found["mail"]) == (1, False, "cannot be asked: DatabaseError")


def test_C19_pages_that_failed_postgresqls_checksum_are_told(app: Flask, look: Any, pretend: Any, outbox: Any) -> None:
    look()
    assert outbox() == []
    pretend("pg_stat_database", "select current_database() as datname, 3 as checksum_failures, now() as checksum_last_failure")
    look()
    look()
    (mail,) = outbox()
    assert (mail.recipient, "3 pages failed" in mail.text) == (DESK, True)


@pytest.mark.parametrize("setting", ["on", "off"])
def test_C19_the_doctor_says_whether_bytes_are_checked_and_it_is_no_fault(app: Flask, pretend: Any, setting: str) -> None:
    settings = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "data_checksums": setting}
    pretend("pg_settings", " union all ".join(f"select '{name}' as name, '{value}' as setting" for name, value in settings.items()))
    said = app.test_cli_runner().invoke(args=["doctor"]).stdout
    assert ("ok   checksums" in said, "note checksums: off" in said) == (setting == "on", setting == "off")
