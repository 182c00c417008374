"""Commands about the machinery: the worker and the doctor."""

import json
import sys

import click
from flask import Flask, current_app
from sqlalchemy import text

from kit import jobs, schema
from kit.database import db


@click.command("worker")
@click.option("--polling", default=0.5, show_default=True, help="Seconds between looks at the queue.")
def worker(polling: float) -> None:
    """Run jobs until SIGTERM; then finish what is running."""
    jobs.work(current_app._get_current_object(), polling=polling)  # ty: ignore[missing-attribute]


def findings() -> dict[str, str]:
    """Each check's name and "ok" or what is wrong."""
    checks = {"database": "ok"}
    try:
        db.session.execute(text("select 1"))
        if db.engine.dialect.name == "sqlite":
            checks["integrity"] = db.session.execute(text("pragma quick_check")).scalar_one()
            checks["foreign keys"] = "ok" if not db.session.execute(text("pragma foreign_key_check")).first() else "broken references"
    except Exception as error:  # noqa: BLE001 - a doctor names whatever it finds
        checks["database"] = type(error).__name__
    if checks["database"] == "ok":
        checks["revision"] = "ok" if schema.found() == schema.head() else "not this version's: run flask db upgrade"
        db.session.rollback()  # the engine looks through a connection of its own, and SQLite's one writer would be us
        checks["jobs"] = jobs.oldest_wait()
    for name, probe in current_app.extensions.get("doctor", {}).items():
        checks[name] = probe()
    return checks


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
@click.option("--invariants", is_flag=True, help="Only what must always hold of the data.")
def doctor(as_json: bool, invariants: bool) -> None:
    """Check this installation; exit 1 if something is wrong."""
    checks = findings()
    if as_json:
        click.echo(json.dumps(checks, indent=2))
    else:
        for name, state in checks.items():
            click.echo(f"{'ok  ' if state == 'ok' else 'FAIL'} {name}{'' if state == 'ok' else ': ' + state}")
    sys.exit(0 if all(state == "ok" for state in checks.values()) else 1)


def init_app(app: Flask) -> None:
    app.cli.add_command(worker)
    app.cli.add_command(doctor)
