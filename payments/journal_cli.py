"""Commands about the journal: what Stripe told us, whether it is whole, and whether everything follows from it."""

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Any

import click
from sqlalchemy import select
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from kit import clock, elsewhere
from kit.database import db, reading
from payments import chain, gateway, journal, rebuilding
from payments.cli import Away, as_json
from payments.domain.chain import Late, Misfit
from payments.models import StripeEvent
from payments.models.journal import IS_PARKED

MOST_SHOWN = 60  # lines of difference on a terminal


@click.group("journal")
def journal_group() -> None:
    """Is the journal whole, and does everything follow from it?"""


@journal_group.command("head")
@as_json
def head(as_json: bool) -> None:
    """The chain's length and newest value: keep it somewhere else."""
    found = chain.head()
    db.session.rollback()
    click.echo(json.dumps({"links": found.count, "head": found.chain}) if as_json else f"{found.chain}  {found.count} links")


@journal_group.command("seal")
@click.option("--whenever", is_flag=True, help="Also what claims to have come before the newest link (a clock was set back).")
def seal(whenever: bool) -> None:
    """Link what came since. The worker does it every minute."""
    click.echo(f"{_seal(whenever)} sealed.")


@journal_group.command("verify")
@click.option("--head", "kept", default="", help="A head that was kept elsewhere: the chain must have passed through it.")
@as_json
def verify(kept: str, as_json: bool) -> None:
    """Check every link and every event's body; exit 1 with the first place that does not fit. What is whole is sealed up to now.

    Without --head it cannot see that the newest links were deleted and what they were of was sealed anew: say the head
    that the log or the metrics kept.
    """
    wrong, count, late = None, 0, list[Late]()
    with reading():
        for step in _shown(chain.check(kept.strip().lower()), "links", quiet=as_json):
            if isinstance(step, Misfit):
                wrong = step
            elif isinstance(step, Late):
                late.append(step)
            else:
                count = step
        db.session.rollback()
    if wrong is None:
        count += _seal(whenever=False)  # not before: what was altered would be sealed as it is now
    with reading():
        found = chain.head()
        db.session.rollback()
    facts = {"whole": wrong is None, "fit": count, "links": found.count, "head": found.chain, "against_a_head": bool(kept)}
    facts["late"] = [{"first": one.first, "last": one.last, "seconds": int(one.by.total_seconds())} for one in late]
    if wrong is not None:
        facts |= {"position": wrong.position, "event": wrong.event_id, "why": wrong.why}
    _say_whether_whole(facts, wrong, late, as_json)
    sys.exit(0 if wrong is None else 1)


def _say_whether_whole(facts: dict[str, Any], wrong: Misfit | None, late: list[Late], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(facts, indent=2))
    elif wrong is not None:
        click.echo(f"{facts['fit']} links fit. The first that does not: {wrong}")
    else:
        click.echo(f"{facts['links']} links, each fits.\n{facts['head']}")
        for one in late:
            click.echo(f"But {one}: was no worker running then? If one was, somebody has made them anew.")
        if not facts["against_a_head"]:
            click.echo("This cannot see an end that was cut off and sealed anew: say --head with one that was kept elsewhere.")


def _seal(whenever: bool) -> int:
    sealed = 0
    while linked := chain.seal(whenever=whenever):
        db.session.commit()
        sealed += linked
    db.session.commit()
    return sealed


@journal_group.command("rebuild")
@click.option("--into", "url", required=True, help="The address of an empty database (sqlite:///... or postgresql://...).")
@as_json
def rebuild(url: str, as_json: bool) -> None:
    """Derive an empty database from the journal, from Stripe and from what is ours alone; exit 1 if it says anything else.

    Nothing is changed at Stripe and no mail is written. What happens meanwhile may show as a difference: compare again.
    The demo's simulated readers are left out: no Stripe told of them.
    """
    target = _empty(url)
    failures: list[str] = []
    try:
        rebuilding.ask_first()
        elsewhere.migrate(target)
        for _table in _shown(rebuilding.copy(target), "tables", as_json):
            pass
        with elsewhere.pointed_at(target):
            for _step in _shown(rebuilding.derive(failures), "steps", as_json):
                db.session.commit()
        at = clock.now()
        found = rebuilding.compared(rebuilding.facts(at), lambda: _there(target, at))
    except BaseException as error:  # a key that was pressed, too: the next try finds it empty
        elsewhere.discard(target)
        if isinstance(error, gateway.GatewayUnavailable):
            raise Away(f"Nothing was rebuilt, for Stripe does not answer. {error}") from error
        raise
    finally:
        target.dispose()
    _report(found, failures, as_json)
    sys.exit(1 if found.different or failures else 0)


def _empty(url: str) -> Engine:
    try:
        return elsewhere.opened(url)
    except elsewhere.InUse as error:
        raise click.ClickException("That database is the one in use: give the address of an empty one.") from error
    except elsewhere.NotEmpty as error:
        raise click.ClickException("That database is not empty (from an earlier rebuild, perhaps): give another, or remove it.") from error
    except SQLAlchemyError as error:
        raise click.ClickException(f"That database does not answer: {type(error).__name__}") from error


def _there(target: Engine, at: datetime) -> list[str]:
    with elsewhere.pointed_at(target):
        return rebuilding.facts(at)


def _report(found: rebuilding.Compared, failures: list[str], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({**asdict(found), "failures": failures}, indent=2))
        return
    for line in failures:
        click.echo(f"failed: {line}")
    for line in found.different[:MOST_SHOWN]:
        click.echo(line)
    if len(found.different) > MOST_SHOWN:
        click.echo(f"... and {len(found.different) - MOST_SHOWN} more: --json has them all.")
    if found.simulated:
        click.echo(f"Left out {found.simulated} lines of the demo's simulated readers: no Stripe told of them.")
    count = len(found.different)
    click.echo(
        f"{found.lines} lines, {count} that only one side has (- in use, + rebuilt)." if count else f"{found.lines} lines, all equal."
    )


def _shown(steps: Iterable[Any], what: str, quiet: bool) -> Iterator[Any]:
    """Progress as the work goes: a counter that rewrites its line on a terminal, nothing elsewhere."""
    for number, step in enumerate(steps, 1):
        if not quiet and sys.stderr.isatty():
            click.echo(f"\r{what}: {step if isinstance(step, int) else number}", nl=False, err=True)
        yield step


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
@as_json
def show_event(event_id: str, as_json: bool) -> None:
    """One event: what became of it, and its body as it was signed. It is JSON with and without --json."""
    row = _event(event_id)
    click.echo(json.dumps({**_facts(row), "payload": json.loads(row.payload)}, indent=2))


@events_group.command("replay")
@click.argument("event_ids", nargs=-1)
@click.option("--parked", is_flag=True, help="All that are parked.")
@as_json
def replay_events(event_ids: tuple[str, ...], parked: bool, as_json: bool) -> None:
    """Apply events again: each only makes us look, so nothing is booked twice. The worker does it."""
    if not event_ids and not parked:
        raise click.UsageError("Name events, or say --parked.")
    wanted = [_event(event_id) for event_id in event_ids]
    wanted += list(db.session.scalars(select(StripeEvent).where(IS_PARKED))) if parked else []
    refused = [row.event_id for row in wanted if not journal.replay(row.account, row.event_id)]
    db.session.commit()
    queued = [row.event_id for row in wanted if row.event_id not in refused]
    click.echo(json.dumps({"queued": queued, "refused": refused}, indent=2) if as_json else f"{len(queued)} queued.")
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


GROUPS: tuple[click.Group, ...] = (journal_group, events_group)
