"""Commands about people: staff and members."""

import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from kit import clock
from kit.database import db
from kit.urls import public_url
from membership import accounts, grants, me, memberships, people, tokens, wording
from membership.domain.emails import NotAnAddress
from membership.models import Account
from membership.models.accounts import ROLES

FIRST_LINK = timedelta(hours=24)
as_json = click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")


@click.group()
def staff() -> None:
    """The people who work here."""


@staff.command("create")
@click.argument("email")
@click.option("--role", type=click.Choice(ROLES), required=True)
@click.option("--name", default="", help="How pages and mails call this person.")
@as_json
def staff_create(email: str, role: str, name: str, as_json: bool) -> None:
    """Make EMAIL staff and print a link that signs in once, within 24 hours, in any browser. Keep it to yourself."""
    account = accounts.find(email) or _created(email, name)
    accounts.set_role(account, role)
    token = tokens.issue("sign_in", account, browser_hash=None, next_path="/admin/", life=FIRST_LINK)
    link = public_url("account.open_link", token=token)
    db.session.commit()
    if as_json:
        click.echo(json.dumps({"email": account.email, "role": role, "sign_in": link}))
    else:
        click.echo(f"{account.email} is {role}.\nSign in once, within 24 hours: {link}")


@click.group()
def members() -> None:
    """Readers and what lets them read."""


@members.command("show")
@click.argument("email")
@as_json
def members_show(email: str, as_json: bool) -> None:
    """Where EMAIL stands."""
    account = _known(email)
    if as_json:
        click.echo(json.dumps(me.facts(account), indent=2))
        return
    words = wording.of(memberships.standing_of(account.id), clock.now())
    click.echo(f"{account.email} ({words.status})")
    for sentence in words.sentences:
        click.echo(f"  {sentence}")


@members.command("grant")
@click.argument("email")
@click.option("--until", required=True, help="The last day, as 2027-05-31.")
@click.option("--note", required=True, help="Why this person reads for free.")
@click.option("--mail", "tell", is_flag=True, help="Write to this person.")
@as_json
def members_grant(email: str, until: str, note: str, tell: bool, as_json: bool) -> None:
    """Let EMAIL read for free; makes the account if there is none."""
    try:
        last = people.day(until)
    except people.RowRefused as refused:
        raise click.UsageError(str(refused)) from refused
    if last is None:
        raise click.UsageError("--until needs a day like 2027-05-31")
    account = accounts.find(email) or _created(email, "")
    try:
        grants.grant(account, people.end_of_day(last), note, "command line", tell=tell)
    except grants.GrantRefused as refused:
        raise click.UsageError(str(refused)) from refused
    db.session.commit()
    click.echo(json.dumps(me.facts(account)) if as_json else f"{account.email} reads until {last.isoformat()}.")


@members.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--from", "source", type=click.Choice(["csv"]), default="csv", show_default=True)
@click.option("--dry-run", is_flag=True, help="Say what would happen and change nothing.")
@as_json
def members_import(file: Path, source: str, dry_run: bool, as_json: bool) -> None:
    """Take people in from FILE: a CSV with the column email and perhaps name, until (a day) and note.

    Doing it again changes nothing. Exit 1 if a line was refused.
    """
    counts: dict[str, Any] = {"new": 0, "updated": 0, "unchanged": 0, "refused": []}
    with file.open(encoding="utf-8-sig", newline="") as lines:
        try:
            for number, row in people.read(lines):
                if isinstance(row, people.RowRefused):
                    counts["refused"].append({"line": number, "why": str(row)})
                else:
                    counts[people.take_in(row, f"import {file.name}")] += 1
        except people.RowRefused as refused:
            raise click.UsageError(str(refused)) from refused
    if dry_run:
        db.session.rollback()
    else:
        db.session.commit()
    _tell_import(counts, dry_run, as_json)
    sys.exit(1 if counts["refused"] else 0)


def _tell_import(counts: dict[str, Any], dry_run: bool, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({**counts, "dry_run": dry_run}))
        return
    for refused in counts["refused"]:
        click.echo(f"line {refused['line']}: {refused['why']}", err=True)
    would = "would be " if dry_run else ""
    click.echo(
        f"{counts['new']} {would}new, {counts['updated']} {would}updated, {counts['unchanged']} unchanged, {len(counts['refused'])} refused"
    )


@members.command("export")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line instead of CSV.")
def members_export(as_json: bool) -> None:
    """Print everybody, by address."""
    if as_json:
        for row in people.listing():
            click.echo(json.dumps(row))
    else:
        people.write(people.listing(), sys.stdout)


def _known(email: str) -> Account:
    found = accounts.find(email)
    if found is None:
        click.echo(f"Error: no account has the address {email}.", err=True)
        sys.exit(1)
    return found


def _created(email: str, name: str) -> Account:
    try:
        return accounts.create(email, name=name)
    except NotAnAddress as error:
        raise click.UsageError(f"{email!r} is not an e-mail address") from error


GROUPS = (staff, members)
