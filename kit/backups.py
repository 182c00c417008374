"""Backups: a whole copy of the database while it is in use, and what must not be done twice once it is put back.

A restored database does not know what was done since it was copied: mails went out, sessions were ended, an issue of the
newsletter was sent. ``restored`` lets each room say so (``extensions["restored"]``), once, right after the restoring.
On PostgreSQL its own tools copy (pg_dump, pg_restore); the second half is the same.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from flask import Flask, current_app

from kit.database import db

PAGES = 1000  # copied at a time; whoever writes meanwhile waits no longer than for these

Hook = Callable[[], str]


def on_restored(app: Flask, hook: Hook) -> None:
    """``hook()`` runs in the transaction of ``restored`` and answers in a sentence what it did ("" for nothing)."""
    app.extensions.setdefault("restored", []).append(hook)


def restored() -> list[str]:
    """Make a database that was put back safe to run; what was done, in sentences. The caller commits. Twice does no harm."""
    return [said for hook in current_app.extensions.get("restored", []) if (said := hook())]


def save(file: Path, progress: Callable[[int, int], None] | None = None) -> None:
    """Copy the SQLite database in use to ``file``. Raises FileExistsError, OSError, sqlite3.Error; nothing half-done stays."""
    if file.exists():
        raise FileExistsError(file)
    part = file.with_name(f"{file.name}.part")
    try:
        _copy(_path(), part, progress)
        check(part)
        part.rename(file)
    finally:
        part.unlink(missing_ok=True)


def put_back(file: Path, progress: Callable[[int, int], None] | None = None, *, copied_by_hand: bool = False) -> None:
    """Make the SQLite database what ``file`` holds. Web and worker must be stopped. Raises as ``save``, and as ``check``."""
    check(file, copied_by_hand=copied_by_hand)
    db.session.remove()
    db.engine.dispose()
    _copy(file, _path(), progress)


def _path() -> Path:
    return Path(str(db.engine.url.database))


def _copy(source: Path, target: Path, progress: Callable[[int, int], None] | None) -> None:
    def told(_status: int, left: int, total: int) -> None:
        if progress is not None:
            progress(total - left, total)

    with closing(sqlite3.connect(source)) as here, closing(sqlite3.connect(target)) as there:
        here.backup(there, pages=PAGES, progress=told)
        there.execute("PRAGMA journal_mode=WAL" if target == _path() else "PRAGMA journal_mode=DELETE")


class CopiedByHand(ValueError):
    """A file that was in use when it was copied with other tools. It may open, and lack what was committed last."""


def check(file: Path, *, copied_by_hand: bool = False) -> str:
    """Is it a sound copy of such a database? Answers its schema's revision. Raises FileNotFoundError, ValueError.

    ``save`` leaves a file that is not in WAL mode, the one in use always is: so a copy made by cp or rsync is known by its
    header, though every page of it is sound. It raises CopiedByHand unless ``copied_by_hand`` says that somebody knows.
    """
    if not file.is_file():
        raise FileNotFoundError(f"there is no file {file}")
    with file.open("rb") as opened:
        header = opened.read(100)
    if header[18:20] == b"\x02\x02" and not copied_by_hand:  # file format 2: WAL (sqlite.org/fileformat2.html, 1.3.3)
        raise CopiedByHand(
            f"{file} is a copy of a file that was in use, not a backup: what was committed last may have been in the -wal beside it. "
            "Make backups with `flask backup`. If this is all there is: flask restore --copied-by-hand"
        )
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as opened:
            said = opened.execute("PRAGMA integrity_check(1)").fetchone()[0]
            revision = opened.execute("select version_num from alembic_version").fetchone()
    except sqlite3.DatabaseError as error:
        raise ValueError(f"{file} is no backup of this application: {error}") from error
    if said != "ok" or revision is None:
        raise ValueError(f"{file} is damaged: {said}")
    return revision[0]
