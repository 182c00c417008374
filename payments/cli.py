"""Commands about money and Stripe: plans, the endpoint, reconciliation, the journal."""

import json
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import click
from sqlalchemy import select

from kit import clock
from kit.database import db
from kit.formats import money
from kit.urls import public_url
from payments import gateway, journal, plans, reconciliation
from payments.domain.reconciliation import Report
from payments.models import StripeEvent
from payments.webhooks import HANDLERS

as_json = click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")


class Away(click.ClickException):
    """Stripe did not answer, or refused: said in one line, exit 1."""

    exit_code = 1


@click.group("stripe")
def stripe_group() -> None:
    """What we have at Stripe: plans, the webhook endpoint, and whether our books agree."""


@stripe_group.group("plans")
def plans_group() -> None:
    """What is on sale."""


@plans_group.command("sync")
@as_json
def sync(as_json: bool) -> None:
    """Find each plan's Price at Stripe by its lookup key; make the missing ones."""
    terms = plans.wanted()
    db.session.rollback()  # no transaction stays open while Stripe is asked
    try:
        prices = plans.look(terms, create=True)
    except (gateway.GatewayUnavailable, gateway.GatewayRefused) as error:
        raise Away(f"Stripe: {error}") from error
    rows = plans.write(terms, prices)
    facts: list[dict[str, Any]] = [
        {"key": row.key, "amount": row.unit_amount, "currency": row.currency, "interval": row.interval, "price": row.price_id}
        for row in rows
    ]
    db.session.commit()
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    for fact in facts:
        click.echo(f"{fact['key']:<20} {money(fact['amount'], fact['currency'], locale='en_US')} a {fact['interval']}  {fact['price']}")


@stripe_group.group("endpoint")
def endpoint_group() -> None:
    """Where Stripe tells us what happened."""


@endpoint_group.command("register")
@as_json
def register(as_json: bool) -> None:
    """Make (or update) the endpoint at Stripe: exactly the events that we handle, in the API version that we are tested with."""
    url, types = public_url("webhook.receive"), sorted(HANDLERS)
    try:
        known = next((one for one in gateway.list_webhook_endpoints() if one["url"] == url), None)
        if known is not None and known.get("api_version") != gateway.API_VERSION:
            # A version cannot be changed. The old one keeps telling until the operator removes it: events come twice, which is harmless.
            click.echo(
                f"{known['id']} speaks {known.get('api_version')}; a new endpoint is made. Remove the old one when the new one works.",
                err=True,
            )
            known = None
        made = gateway.update_webhook_endpoint(known["id"], types) if known else gateway.create_webhook_endpoint(url, types)
    except (gateway.GatewayUnavailable, gateway.GatewayRefused) as error:
        raise Away(f"Stripe: {error}") from error
    if as_json:
        click.echo(json.dumps({"id": made["id"], "url": url, "events": len(types), "secret": made.get("secret")}, indent=2))
        return
    click.echo(f"{made['id']} tells {url} of {len(types)} types of events.")
    if made.get("secret"):
        click.echo(f"Set STRIPE_WEBHOOK_SECRET={made['secret']} (Stripe shows it this once).")


@stripe_group.command("reconcile")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="Events and money from this day (UTC) on; else since the last run.")
@click.option("--full", is_flag=True, help="All money there is, not only the last seven days'.")
@click.option("--dry-run", is_flag=True, help="Only look; exit 1 if something differs.")
@as_json
def reconcile(since: datetime | None, full: bool, dry_run: bool, as_json: bool) -> None:
    """Compare our books with Stripe's and repair ours, through the same doors as webhooks."""
    report = Report()
    start = since.replace(tzinfo=UTC) if since else None
    try:
        _compare(report, start, full, dry_run, quiet=as_json)
    except (gateway.GatewayUnavailable, gateway.GatewayRefused) as error:
        raise Away(f"Stripe: {error}") from error
    if as_json:
        click.echo(json.dumps(report.facts(), indent=2))
    else:
        _say(report, dry_run)
    unrepaired = [one for one in report.drift if not one.repaired]
    sys.exit(1 if (dry_run and not report.clean) or unrepaired else 0)


def _compare(report: Report, start: datetime | None, full: bool, dry_run: bool, *, quiet: bool) -> None:
    events_from, money_from = start or reconciliation.since_last(), None if full else start or clock.now() - timedelta(days=7)
    run_id, cursor = (None if dry_run else reconciliation.begin("events")), int(events_from.timestamp())
    db.session.commit()
    for newest in _shown(reconciliation.catch_up(report, events_from, dry_run=dry_run), "events", quiet):
        cursor = newest
        db.session.commit()
    for _step in _shown(reconciliation.walk(report, money_from, dry_run=dry_run), "differences", quiet):
        db.session.commit()
    if run_id is not None:
        reconciliation.finish(run_id, report, cursor)
        db.session.commit()


def _shown(steps: Iterable[Any], what: str, quiet: bool) -> Iterator[Any]:
    """Progress as the work goes: a counter that rewrites its line on a terminal, nothing elsewhere."""
    for number, step in enumerate(steps, 1):
        if not quiet and sys.stderr.isatty():
            click.echo(f"\r{what}: {number}", nl=False, err=True)
        yield step


def _say(report: Report, dry_run: bool) -> None:
    looked = ", ".join(f"{count} {kind}s" for kind, count in sorted(report.looked.items())) or "nothing"
    click.echo(f"Looked at {looked}.")
    if report.simulated:
        click.echo(f"Left out {report.simulated} simulated subscriptions of the demo.")
    if report.missed_events:
        click.echo(f"{report.missed_events} events were missed{'' if dry_run else ' and are queued now'}.")
    for one in report.drift:
        click.echo(f"{'repaired' if one.repaired else 'differs '}  {one.kind} {one.id}: {one.what}")
    if report.clean:
        click.echo("No difference.")


@click.group("events")
def events_group() -> None:
    """The journal of what Stripe told us."""


@events_group.command("list")
@click.option("--state", type=click.Choice(["new", "done", "ignored", "parked"]))
@click.option("--type", "kind", default="", help="Types that begin so, such as invoice.")
@click.option("--limit", default=20, show_default=True)
@as_json
def list_events(state: str | None, kind: str, limit: int, as_json: bool) -> None:
    """The newest events first."""
    found = select(StripeEvent).order_by(StripeEvent.received_at.desc()).limit(limit)
    found = found.where(StripeEvent.state == state) if state else found
    found = found.where(StripeEvent.type.startswith(kind, autoescape=True)) if kind else found
    facts = [_facts(row) for row in db.session.scalars(found)]
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    for fact in facts:
        click.echo(f"{fact['received_at']}  {fact['state']:<8} {fact['id']:<32} {fact['type']:<40} {fact['object'] or ''}")


@events_group.command("show")
@click.argument("event_id")
def show_event(event_id: str) -> None:
    """One event: what became of it, and its body as it was signed (JSON)."""
    row = _event(event_id)
    click.echo(json.dumps({**_facts(row), "payload": json.loads(row.payload)}, indent=2))


@events_group.command("replay")
@click.argument("event_ids", nargs=-1, required=True)
def replay_events(event_ids: tuple[str, ...]) -> None:
    """Apply events again: each only makes us look, so nothing is booked twice. The worker does it."""
    refused = []
    for event_id in event_ids:
        row = _event(event_id)
        if not journal.replay(row.account, row.event_id):
            refused.append(event_id)
    db.session.commit()
    click.echo(f"{len(event_ids) - len(refused)} queued.")
    for event_id in refused:
        click.echo(f"{event_id} is not ours to apply.", err=True)
    sys.exit(1 if refused else 0)


def _event(event_id: str) -> StripeEvent:
    row = db.session.scalars(select(StripeEvent).where(StripeEvent.event_id == event_id)).first()
    if row is None:
        raise Away(f"{event_id} is not in the journal.")
    return row


def _facts(row: StripeEvent) -> dict[str, Any]:
    return {
        "id": row.event_id,
        "type": row.type,
        "state": row.state,
        "object": row.object_id,
        "customer": row.customer_id,
        "received_at": row.received_at.isoformat().replace("+00:00", "Z"),
        "source": row.source,
        "attempts": row.attempts,
        "error": row.last_error,
    }


GROUPS: tuple[click.Group, ...] = (stripe_group, events_group)
