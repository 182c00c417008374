"""Commands about money and Stripe: plans, the endpoint, reconciliation. (The journal: journal_cli.py.)"""

import json
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import click

from kit import clock
from kit.database import db
from kit.formats import money
from kit.urls import public_url
from payments import gateway, leases, plans, reconciliation
from payments.domain.reconciliation import Report
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
    try:
        with leases.held(plans.LEASE, patience=30) as lease:
            prices = plans.look(terms, create=True)
            lease.guard()
            rows = plans.write(terms, prices)
    except (gateway.GatewayUnavailable, gateway.GatewayRefused) as error:
        raise Away(f"Stripe: {error}") from error
    except (leases.LeaseBusy, leases.LeaseLost) as error:
        raise Away("Somebody else looks at the plans just now: try again.") from error
    facts: list[dict[str, Any]] = [
        {
            "key": row.key,
            "amount": row.unit_amount,
            "currency": row.currency,
            "interval": row.interval,
            "price": row.price_id,
            "on_sale": row.on_sale,
        }
        for row in rows
    ]
    db.session.commit()
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    for fact in facts:
        note = "" if fact["on_sale"] else "  archived at Stripe: not on sale"
        click.echo(
            f"{fact['key']:<20} {money(fact['amount'], fact['currency'], locale='en_US')} a {fact['interval']}  {fact['price']}{note}"
        )


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
    if start and start > clock.now():
        raise click.BadParameter(f"it is {clock.now():%Y-%m-%d %H:%M} UTC, and nothing has happened since.", param_hint="--since")
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
    known = reconciliation.since_last()
    events_from, money_from = start or known, None if full else start or reconciliation.money_since()
    run_id, cursor = (None if dry_run else reconciliation.begin("events")), None
    db.session.commit()
    for newest in _shown(reconciliation.catch_up(report, events_from, dry_run=dry_run), "events", quiet):
        cursor = newest if events_from <= known else None  # from a later day on, something in between may be unseen
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
    if report.told_before:
        click.echo(f"Stripe counts {report.told_before} of them as delivered (was a backup restored?): no mail is sent for these.")
    for one in report.drift:
        click.echo(f"{'repaired' if one.repaired else 'differs '}  {one.kind} {one.id}: {one.what} ({one.cause})")
    if report.clean:
        click.echo("No difference.")


GROUPS: tuple[click.Group, ...] = (stripe_group,)
