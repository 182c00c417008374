"""Commands about the machinery: the worker, the doctor, backups."""

import json
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

import click
from flask import Flask, current_app
from flask_migrate import upgrade
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from kit import backups, engine, jobs, mail, schema, storage, timekeeping
from kit.database import db, reading


@click.command("worker")
@click.option("--polling", default=0.5, show_default=True, help="Seconds between looks at the queue.")
def worker(polling: float) -> None:
    """Run jobs until SIGTERM; then finish what is running."""
    timekeeping.serve(current_app._get_current_object())  # ty: ignore[missing-attribute]
    engine.work(current_app._get_current_object(), polling=polling)  # ty: ignore[missing-attribute]


def findings() -> Iterator[tuple[str, str]]:
    """Each check's name and "ok", what is wrong, or "note: ..." for what is no fault, as soon as it is known."""
    database = "ok"
    try:
        db.session.execute(text("select 1"))
        yield "integrity", storage.damage(thorough=False)
        if db.engine.dialect.name == "sqlite":
            yield "foreign keys", "ok" if not db.session.execute(text("pragma foreign_key_check")).first() else "broken references"
    except Exception as error:  # noqa: BLE001 - a doctor names whatever it finds
        database = type(error).__name__
    yield "database", database
    if database == "ok":
        yield "revision", "ok" if schema.found() == schema.head() else "not this version's: run flask db upgrade"
        db.session.rollback()  # the engine looks through a connection of its own, and SQLite's one writer would be us
        yield "power cut", storage.power_cut()
        yield "checksums", storage.checksums()
    probes = {
        "jobs": jobs.oldest_wait,
        "jobs given up": jobs.given_up,
        "mail": mail.waiting,
        "clock": timekeeping.state,
        **current_app.extensions.get("doctor", {}),
    }
    for name, probe in probes.items():
        try:
            yield name, probe()
        except SQLAlchemyError as error:  # what is broken for one must not hide what the others say
            db.session.rollback()
            yield name, f"cannot be asked: {type(error).__name__}"


def violations() -> Iterator[tuple[str, str]]:
    """Each invariant's name and "ok", or its sentence and what breaks it. The rooms give them (``extensions["invariants"]``)."""
    with reading():
        for ask in current_app.extensions.get("invariants", []):
            for name, (sentence, said) in ask():
                yield name, "ok" if not said else f"{sentence} But: {'; '.join(said)}"
        db.session.rollback()


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
@click.option("--invariants", is_flag=True, help="Only what must always hold of the data.")
def doctor(as_json: bool, invariants: bool) -> None:
    """Check this installation; exit 1 if something is wrong."""
    checks: dict[str, str] = {}
    for name, state in violations() if invariants else findings():
        checks[name] = state
        if not as_json:  # each as it is known: some take their time
            click.echo(_line(name, state))
    if as_json:
        click.echo(json.dumps(checks, indent=2))
    sys.exit(0 if all(state == "ok" or state.startswith("note: ") for state in checks.values()) else 1)


def _line(name: str, state: str) -> str:
    if state == "ok":
        return f"ok   {name}"
    return f"note {name}: {state.removeprefix('note: ')}" if state.startswith("note: ") else f"FAIL {name}: {state}"


@click.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
def backup(file: Path) -> None:
    """Copy the database to FILE while the site runs (SQLite; PostgreSQL has pg_dump)."""
    _only_sqlite("pg_dump -Fc")
    try:
        backups.save(file, _progress)
    except FileExistsError as error:
        raise click.ClickException(f"{file} exists already: give another name.") from error
    except (OSError, ValueError, sqlite3.Error) as error:
        raise click.ClickException(f"No backup was made: {error}") from error
    click.echo(f"{file}: {file.stat().st_size:,} bytes.")


@click.command("verify-backup")
@click.argument("file", type=click.Path(path_type=Path))
def verify_backup(file: Path) -> None:
    """Look whether FILE could be put back: every page, and that it is no copy of a file that was in use. Changes nothing."""
    try:
        revision = backups.check(file)
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    head = schema.head()
    click.echo(f"{file}: sound, {file.stat().st_size:,} bytes, schema {revision}{'' if revision == head else f' (this code: {head})'}.")


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--done", is_flag=True, help="The database was put back by other tools (pg_restore): only make it safe to run.")
@click.option("--copied-by-hand", is_flag=True, help="FILE was copied with cp while the site ran, and there is no better one.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def restore(file: Path | None, done: bool, copied_by_hand: bool, yes: bool) -> None:
    """Put the database back from FILE, and see to it that nothing done since is done twice. Stop web and worker first."""
    if (file is None) != done:
        raise click.UsageError("Give the FILE, or --done where the database was put back already.")
    if file is not None:
        _only_sqlite("pg_restore, then: flask --app app restore --done")
        try:
            # Before the question: it is no use to answer it for a file that is none.
            revision = backups.check(file, copied_by_hand=copied_by_hand)
            if revision not in schema.revisions():
                raise ValueError(f"{file} is at revision {revision}, which this version does not know: run the newer one.")
            if not yes:
                click.confirm("Everything written since that backup is lost. Are web and worker stopped?", abort=True)
            backups.put_back(file, _progress, copied_by_hand=copied_by_hand)
        except (OSError, ValueError, sqlite3.Error) as error:
            raise click.ClickException(f"Nothing was restored: {error}") from error
        if revision != schema.head():
            click.echo(f"The backup is at revision {revision}: bringing it up to date.")
            upgrade()
    elif schema.found() != schema.head():
        raise click.ClickException("The database is not at this version's revision. First: flask --app app db upgrade")
    for said in backups.restored():
        click.echo(said)
    db.session.commit()
    click.echo("Start web and worker; then `flask --app app stripe reconcile --full` shows what Stripe has and the backup had not.")


def _only_sqlite(instead: str) -> None:
    if db.engine.dialect.name != "sqlite":
        raise click.ClickException(f"The database is PostgreSQL: use {instead}")


def _progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r{done} of {total} pages", nl=done >= total, err=True)


def init_app(app: Flask) -> None:
    for command in (worker, doctor, backup, verify_backup, restore):
        app.cli.add_command(command)
