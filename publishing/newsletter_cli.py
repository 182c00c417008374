"""Commands about the newsletter: make the day's issue, look at it, send it; take somebody off the list by hand."""

import json
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from kit import clock
from kit.database import db
from membership.domain.emails import NotAnAddress
from publishing.domain.issues import EDITIONS
from publishing.domain.problems import Refused
from publishing.models.newsletter import NewsletterIssue
from publishing.newsletter import editions, issues, subscriptions
from publishing.newsletter.subscriptions import Asker

DAY = click.DateTime(["%Y-%m-%d"])
LOOK_EVERY = 0.5  # seconds
QUIET_FOR = 120  # seconds without any progress, then the command stops watching; the worker goes on when it can

day_option = click.option("--date", "day", type=DAY, help="The issue's day (default: today, by the publication's calendar).")
json_option = click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")


@click.group("newsletter")
def group() -> None:
    """The daily newsletter: prepare, preview, send."""


@group.command()
@day_option
@json_option
def prepare(day: date | None, as_json: bool) -> None:
    """Make the day's issue from what came out since the last one, or add to its draft."""
    try:
        done = issues.prepare(_day(day))
    except Refused as refusal:
        raise click.UsageError(str(refusal)) from refusal
    db.session.commit()
    stories = editions.stories_of(done.issue) if done.issue else []
    if as_json:
        facts = _facts(done.issue) if done.issue else {}
        click.echo(json.dumps({"outcome": done.outcome, **facts, "articles": [story.slug for story in stories]}, indent=2))
        return
    if done.issue is None:
        click.echo("Nothing was published since the last issue: there is none today.")
        return
    click.echo(f"{done.issue.day} ({done.outcome}): {done.issue.subject}")
    for place, story in enumerate(stories, 1):
        click.echo(f"  {place}. {story.title} ({story.kind}, {story.access})")


@group.command()
@day_option
@click.option("--edition", type=click.Choice(EDITIONS), default="free", show_default=True)
@click.option("--html", "as_html", is_flag=True, help="Print the HTML and not the text.")
@click.option("--open", "in_browser", is_flag=True, help="Show the HTML in a browser.")
def preview(day: date | None, edition: str, as_html: bool, in_browser: bool) -> None:
    """Print an edition as it would arrive."""
    issue = issues.of_day(_day(day))
    if issue is None:
        click.echo("There is no issue for this day. Make it with: newsletter prepare", err=True)
        sys.exit(1)
    said = editions.shown(issue, edition)
    if in_browser:
        folder = Path(tempfile.mkdtemp())
        page = folder / f"newsletter-{issue.day}-{edition}.html"
        page.write_text(said.html, encoding="utf-8")
        click.launch(page.as_uri())
        return
    click.echo(said.html if as_html else f"Subject: {issue.subject}\n\n{said.text}")


@group.command()
@day_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--force", is_flag=True, help="Send it although it is more than a day old.")
@click.option("--wait/--no-wait", default=None, help="Watch until the worker has sent it (default: on a terminal).")
@json_option
def send(day: date | None, yes: bool, force: bool, wait: bool | None, as_json: bool) -> None:
    """Freeze the issue and queue one letter a recipient; the worker sends them. Sending again takes up what was left."""
    when = _day(day)
    if not yes and not as_json:
        click.confirm(f"Send the issue of {when} to {issues.readers():,} readers?", abort=True)
    try:
        issue, queued = issues.start(when, forced=force)
    except Refused as refusal:
        click.echo(str(refusal).partition(": ")[2], err=True)
        sys.exit(1)
    if issue.state == "sending" and not queued:
        issues.revive(clock.now(), late=timedelta(minutes=5))
    db.session.commit()
    if as_json:
        click.echo(json.dumps({**_facts(issue), "queued": queued}, indent=2))
        return
    click.echo(
        f"{queued:,} {'letter' if queued == 1 else 'letters'} queued."
        if queued
        else f"The issue of {when} was started before: {issue.state}."
    )
    if wait or (wait is None and sys.stderr.isatty()):
        _watch(issue.id)


@group.command()
@day_option
def stop(day: date | None) -> None:
    """Stop an issue that is on its way: the letters that have not left stay here."""
    when = _day(day)
    issue = issues.of_day(when, lock=True)
    if issue is None or issue.state != "sending":
        click.echo(f"No issue of {when} is on its way.", err=True)
        sys.exit(1)
    click.echo(f"Stopped: {issues.stop(issue):,} did not leave.")
    db.session.commit()


@group.command()
@click.argument("email")
def unsubscribe(email: str) -> None:
    """Take an address off the list: somebody wrote to us, or an answer came back that it is dead."""
    try:
        found = subscriptions.by_address(email)
    except NotAnAddress as error:
        raise click.UsageError(str(error)) from error
    if found is None:
        click.echo("This address is not on the list.", err=True)
        sys.exit(1)
    subscriptions.unsubscribe(found, Asker("newsroom"))
    db.session.commit()
    click.echo("Unsubscribed.")


def _day(typed: date | None) -> date:
    return issues.today() if typed is None else date(typed.year, typed.month, typed.day)


def _facts(issue: NewsletterIssue) -> dict[str, object]:
    return {"day": issue.day.isoformat(), "state": issue.state, "subject": issue.subject, "deliveries": issues.progress(issue.id)}


def _watch(issue_id: int) -> None:
    """A bar that follows the worker; leaving it stops nothing."""
    with Progress(console=Console(stderr=True)) as bar:
        task, before, since = bar.add_task("Sending", total=None), -1, time.monotonic()
        while True:
            db.session.rollback()
            counts = issues.progress(issue_id)
            total, waiting = sum(counts.values()), counts["queued"] + counts["sending"]
            bar.update(task, total=total, completed=total - waiting)
            if not waiting or time.monotonic() - since > QUIET_FOR:
                break
            if waiting != before:
                before, since = waiting, time.monotonic()
            time.sleep(LOOK_EVERY)
    said = ", ".join(f"{number:,} {state}" for state, number in counts.items() if number)
    click.echo(said + ("" if not waiting else ". No letter left for two minutes: is the worker running?"), err=True)
