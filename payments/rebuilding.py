"""The proof: an empty database, filled from the journal, Stripe and what is ours alone, says the same as the one in use.

Through the same doors as always: every event is applied, then everything at Stripe is walked. Nothing is changed at
Stripe, no job is queued and no mail is written. Generators yield where the caller shall commit.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
import structlog
from flask import current_app
from sqlalchemy import func, select
from sqlalchemy.engine import Connection, Engine

from kit import jobs
from kit.database import db, end_reading, reading
from membership import memberships
from membership.models import Account, MembershipSource
from payments import gateway, journal, reconciliation, state
from payments.domain.reconciliation import SIMULATED_PART, Report
from payments.domain.tables import OURS, OURS_IN_DERIVED
from payments.models import Customer, StripeEvent
from payments.models.journal import IS_NEW

log = structlog.get_logger("payments.rebuilding")

BATCH = 500
SIMULATED_ID = re.compile(rf'"(?:cus|sub|pi|ch|in|txn){SIMULATED_PART}')
FOLLOWING = "payments.follow_"  # jobs that only look again; whatever else would be queued has happened long ago


def copy(target: Engine) -> Iterator[str]:
    """Copy what is ours, the journal and its chain into ``target``, all as of one moment; yields each table's name as it
    begins. Ends the reading."""
    db.session.rollback()
    with reading(), target.begin() as there:
        here = db.session.connection(execution_options=_one_moment())
        for table in db.metadata.sorted_tables:
            if table.name in OURS:
                yield table.name
                _copy(here, there, table, select(table), OURS[table.name])
            elif table.name in OURS_IN_DERIVED:
                yield table.name
                ours = table.c[OURS_IN_DERIVED[table.name]] != "subscription"
                _copy(here, there, table, select(table).where(ours), {})
        there.execute(
            sa.update(StripeEvent).where(StripeEvent.state.in_(("done", "parked"))).values(state="new", due_at=StripeEvent.received_at)
        )
        db.session.rollback()


def _one_moment() -> dict[str, Any]:
    """Whoever is new meanwhile is in none of the tables, not in the later ones alone. On SQLite a transaction sees one state anyway."""
    postgresql = db.engine.dialect.name == "postgresql"
    return {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True} if postgresql else {}


def _copy(here: Connection, there: Connection, table: sa.Table, rows: Any, blank: dict[str, Any]) -> None:
    found = here.execute(rows.order_by(*table.primary_key.columns).execution_options(yield_per=BATCH)).mappings()
    for batch in found.partitions(BATCH):
        there.execute(sa.insert(table), [{**row, **blank} for row in batch])
    if there.dialect.name == "postgresql" and "id" in table.c and isinstance(table.c.id.type, sa.Integer):
        # Its own counting goes on after the highest that was copied.
        newest = select(func.coalesce(func.max(table.c.id), 0) + 1).scalar_subquery()
        there.execute(select(func.setval(func.pg_get_serial_sequence(table.name, "id"), newest, False)))


def ask_first() -> None:
    """One question to Stripe before anything is made. Raises GatewayUnavailable."""
    next(gateway.list_events(limit=1), None)


def derive(failures: list[str]) -> Iterator[str]:
    """Apply every event, then walk all that Stripe has, in the present database. Raises GatewayUnavailable."""
    with jobs.held() as wanted:
        for account, key in _keys():
            yield from _apply(account, key, failures)
        yield from _again(wanted)
        report = Report()
        for _step in reconciliation.walk(report, None):
            yield "walk"
        yield from _again(wanted)
        failures += [f"{one.kind} {one.id}: {one.what} and could not be repaired" for one in report.drift if not one.repaired]
        for account_id in db.session.scalars(select(MembershipSource.account_id).distinct()).all():
            memberships.derive(account_id)
        yield "memberships"


def _keys() -> list[tuple[str, str]]:
    """Whom the events are about, in the order in which they were first told."""
    key = func.coalesce(StripeEvent.customer_id, StripeEvent.object_id, StripeEvent.event_id)
    found = select(StripeEvent.account, key).where(IS_NEW).group_by(StripeEvent.account, key)
    rows = [(account, one) for account, one in db.session.execute(found.order_by(func.min(StripeEvent.received_at)))]
    db.session.rollback()
    return rows


def _apply(account: str, key: str, failures: list[str]) -> Iterator[str]:
    try:
        while journal.apply(account, key):
            yield "events"
        yield "events"
        return
    except gateway.GatewayUnavailable:
        raise
    except Exception:  # noqa: BLE001 - one of them: each alone
        db.session.rollback()
    wishes = journal.waiting(account, key)
    db.session.rollback()
    for wish in wishes:
        try:
            journal.apply_one(account, wish.event_id)
        except gateway.GatewayUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - it is reported with its error, whatever it is
            db.session.rollback()
            log.warning("event not applied", event_id=wish.event_id, error=type(error).__name__)
            failures.append(f"event {wish.event_id} ({wish.type}): {type(error).__name__}: {error}")
        yield "events"


def _again(wanted: list[tuple[str, list[Any]]]) -> Iterator[str]:
    """The looks that were asked for, each once."""
    asked = {(name, *args): (name, args) for name, args in wanted if name.startswith(FOLLOWING)}
    wanted.clear()
    end_reading()  # each job has a session of its own
    app: Any = current_app
    for name, args in asked.values():
        jobs.run(app._get_current_object(), name, args)
        yield "looks"


@dataclass(frozen=True, slots=True)
class Compared:
    """How many ``lines`` the database in use has, those that only one side has, and how many of the demo were left out."""

    lines: int
    different: list[str]
    simulated: int


def compared(ours: list[str], rebuilt: Callable[[], list[str]]) -> Compared:
    """The two sides without the demo's simulated readers, whose past no Stripe told and no journal has."""
    readers = _simulated_readers()
    here = [line for line in ours if not _is_simulated(line, readers)]
    there = [line for line in rebuilt() if not _is_simulated(line, readers)]
    return Compared(len(here), differing(here, there), len(ours) - len(here))


def _simulated_readers() -> frozenset[str]:
    """The public ids of accounts whose Customer the demo invented."""
    query = select(Account.public_id).join(Customer, Customer.account_id == Account.id)
    found = frozenset(db.session.scalars(query.where(Customer.id.startswith(f"cus{SIMULATED_PART}", autoescape=True))))
    db.session.rollback()
    return found


def _is_simulated(line: str, readers: frozenset[str]) -> bool:
    if SIMULATED_ID.search(line):
        return True
    return line.startswith("gate ") and json.loads(line[5:])["account"] in readers


def differing(ours: Iterable[str], rebuilt: Iterable[str]) -> list[str]:
    """The lines of only one side, "- " of the database in use and "+ " of the rebuilt one, sorted by what they are about."""
    here, there = Counter(ours), Counter(rebuilt)
    only = [("- ", line) for line in (here - there).elements()] + [("+ ", line) for line in (there - here).elements()]
    return [mark + line for mark, line in sorted(only, key=lambda one: (one[1], one[0]))]


def facts(at: datetime) -> list[str]:
    """The present database's lines; see payments/state.py."""
    found = list(state.facts(at))
    db.session.rollback()
    return found
