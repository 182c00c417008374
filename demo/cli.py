"""`flask demo load`: the door of this room."""

import dataclasses
import json
import sys

import click
from flask import Flask
from flask.cli import AppGroup
from rich.console import Console

from demo import load as loading
from demo import progress
from demo.publication import DEMO_ACCOUNTS, DEMO_PASSWORD, NAME
from kit import clock
from kit.database import db
from membership import passwords

group = AppGroup("demo", help="An invented publication to look around in.")


@group.command("load")
@click.option("--readers", default=3000, show_default=True, type=click.IntRange(min=1, max=1_000_000), help="How many people to simulate.")
@click.option(
    "--months", default=36, show_default=True, type=click.IntRange(min=1, max=240), help="How many months of them, this one included."
)
@click.option("--seed", default=1, show_default=True, help="The same seed on the same day gives the same people.")
@click.option("--if-empty", is_flag=True, help="Do nothing, and say so, where there are readers or articles already.")
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
def load(readers: int, months: int, seed: int, if_empty: bool, as_json: bool) -> None:
    """Fill an empty database with The Ferry Bell: articles, pictures, staff, and readers with their history.

    All of it or nothing: an interrupted load leaves the database as it was. Exit 1 where there are readers or articles already.
    """
    try:
        with progress.stages(Console(stderr=True)) as begin:
            # One hash for all: argon2 is slow by design, and the demo's password is printed anyway.
            found = loading.load(
                readers=readers, months=months, seed=seed, now=clock.now(), begin=begin, password_hash=passwords.hashed(DEMO_PASSWORD)
            )
            db.session.commit()
    except loading.NotEmpty:
        db.session.rollback()
        if if_empty:
            click.echo("The database has readers or articles already: nothing was loaded.", err=True)
            return
        click.echo("The demo was not loaded: this database has readers or articles already. Point DATABASE_URL at an empty one.", err=True)
        sys.exit(1)
    click.echo(json.dumps(dataclasses.asdict(found)) if as_json else said(found))


def said(found: loading.Loaded) -> str:
    """What was loaded, and who can sign in."""
    width = max(len(account.email) for account in DEMO_ACCOUNTS)
    lines = [
        (
            f"{NAME} is loaded: {found.articles:,} articles, {found.readers:,} readers of whom {found.paying:,} pay today, "
            f"{found.ledger_entries:,} ledger entries, {found.contributions:,} contributions."
        ),
        f'Sign in with the password "{DEMO_PASSWORD}" as:',
        *(f"  {account.email:<{width}}  {account.what}" for account in DEMO_ACCOUNTS),
    ]
    return "\n".join(lines)


def init_app(app: Flask) -> None:
    """Register the command group."""
    app.cli.add_command(group)
