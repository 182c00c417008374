"""Reconciliation: what Stripe has and we have not, found and repaired through the same doors as a webhook.

Two looks. ``catch_up`` reads Stripe's list of events since the last one into the same journal; ``walk`` compares
Subscriptions, Charges and Refunds object by object and needs no event, so it can rebuild everything. Both are
generators: they yield wherever the caller shall commit, so that no transaction is open while Stripe is asked.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import structlog
from sqlalchemy import exc, func, select

from kit import clock
from kit.database import db
from membership.models import MembershipSource
from payments import gateway, journal, leases
from payments.domain import reconciliation as rules
from payments.domain import subscriptions as reading
from payments.domain.reconciliation import Drift, Report
from payments.models import Customer, LedgerEntry, ReconcileRun, StripeEvent, Subscription
from payments.webhooks import HANDLERS

log = structlog.get_logger("payments.reconciliation")

OVERLAP = timedelta(minutes=15)  # events may appear in the list a little late
FIRST = timedelta(days=1)  # how far the first run looks back
KEPT = timedelta(days=30)  # Stripe forgets events after that; the walk needs none
BATCH = 100
FIELDS = rules.COMPARED


def begin(kind: str) -> int:
    """A run's row (``events`` or ``walk``); answers its id. The caller commits."""
    run = ReconcileRun(kind=kind, started_at=clock.now(), report={})
    db.session.add(run)
    db.session.flush()
    return run.id


def finish(run_id: int, report: Report, cursor: int | None = None) -> None:
    run = db.session.get_one(ReconcileRun, run_id)
    run.finished_at, run.report, run.cursor = clock.now(), report.facts(), cursor


def since_last() -> datetime:
    """From where the list of events must be read: a little before the newest one that was seen."""
    seen = db.session.scalar(select(func.max(ReconcileRun.cursor)).where(ReconcileRun.kind == "events"))
    known = clock.from_timestamp(seen)
    return max(known - OVERLAP, clock.now() - KEPT) if known else clock.now() - FIRST


def catch_up(report: Report, since: datetime, *, dry_run: bool = False) -> Iterator[int]:
    """Journal every event since then that we do not have. Yields the newest ``created`` seen so far, page by page."""
    newest = int(since.timestamp())
    for events in _batches(gateway.list_events(created={"gte": newest})):
        report.saw("event", len(events))
        for event in reversed(events):
            newest = max(newest, event["created"])
            missed = _unknown(event) if dry_run else journal.record(event, json.dumps(event, default=str), "reconcile")
            if missed and event["type"] in HANDLERS:
                report.missed_events += 1
                log.warning("event was missed", event_id=event["id"], type=event["type"])
        yield newest


def walk(report: Report, since: datetime | None, *, dry_run: bool = False) -> Iterator[None]:
    """Compare every Subscription, and the money since then (None: all of it); repair unless ``dry_run``."""
    listed: set[str] = set()
    for batch in _batches(gateway.list_subscriptions()):
        listed |= {found["id"] for found in batch}
        yield from _all(report, "subscription", [(found, _subscription(found)) for found in batch], dry_run)
    created: dict[str, Any] = {"created": {"gte": int(since.timestamp())}} if since else {}
    for batch in _batches(gateway.list_charges(expand=["data.balance_transaction"], **created)):
        yield from _all(report, "charge", [(found, _charge(found)) for found in batch], dry_run)
    for batch in _batches(gateway.list_refunds(**created)):
        yield from _all(report, "refund", [(found, _refund(found)) for found in batch], dry_run)
    yield from _ours_alone(report, listed, dry_run)


LOOKS = {"subscription": "customer.subscription.updated", "charge": "charge.updated", "refund": "refund.updated"}


def _all(report: Report, kind: str, compared: list[tuple[dict[str, Any], str]], dry_run: bool) -> Iterator[None]:
    report.saw(kind, len(compared))
    db.session.rollback()  # reading is over
    for found, what in compared:
        if what:
            repaired = not dry_run and _repaired(kind, found)
            report.drift.append(Drift(kind, found["id"], what, repaired))
            log.warning("drift", kind=kind, id=found["id"], what=what, repaired=repaired)
            yield


def _repaired(kind: str, found: dict[str, Any]) -> bool:
    """Did it work? One object that cannot be repaired must not keep all those behind it from being looked at."""
    try:
        return _repair(kind, found)
    except (gateway.GatewayUnavailable, exc.OperationalError):
        raise  # no object's fault
    except Exception:
        db.session.rollback()
        log.exception("drift not repaired", kind=kind, id=found["id"])
        return False


def _repair(kind: str, found: dict[str, Any]) -> bool:
    """As a webhook about it would: lease, look, write. The Customer first, for whom it belongs to. The caller commits."""
    customer_id = _id(found.get("customer"))
    wishes = [("customer.updated", customer_id)] if customer_id else []
    wishes.append((LOOKS[kind], found["id"]))
    try:
        with leases.held(customer_id or found["id"], patience=5) as lease, gateway.remembering():
            seen = [(HANDLERS[name], HANDLERS[name].look(object_id)) for name, object_id in wishes]
            lease.guard()
            for handler, looked in seen:
                handler.write(looked)
    except (leases.LeaseBusy, leases.LeaseLost):
        return False  # somebody looks at it right now
    return True


def _ours_alone(report: Report, listed: set[str], dry_run: bool) -> Iterator[None]:
    """Subscriptions that go on for us and that Stripe's list does not have."""
    going = select(Subscription.id, Subscription.customer_id).where(Subscription.status.not_in(("canceled", "incomplete_expired")))
    rows = [(one, customer) for one, customer in db.session.execute(going) if one not in listed]
    report.simulated = sum(one.startswith(rules.SIMULATED) for one, _ in rows)
    real = [({"id": one, "customer": customer}, "Stripe does not list it") for one, customer in rows if not one.startswith(rules.SIMULATED)]
    yield from _all(report, "subscription", real, dry_run)


# --- what differs ------------------------------------------------------------------------------------------------------


def _subscription(found: dict[str, Any]) -> str:
    seen = reading.read(found)
    row = db.session.get(Subscription, seen.id, populate_existing=True)
    what = rules.differences(seen, {name: getattr(row, name) for name in FIELDS} if row else None)
    if not what and row and row.purpose == "subscription" and row.plan_key and seen.status not in ("incomplete", "incomplete_expired"):
        theirs = db.session.scalar(select(Customer.account_id).where(Customer.id == seen.customer_id))
        source = select(MembershipSource.account_id).where(MembershipSource.kind == "subscription", MembershipSource.source_id == seen.id)
        return "" if theirs == db.session.scalar(source) else "membership does not follow it"
    return what


def _charge(found: dict[str, Any]) -> str:
    if found["status"] != "succeeded" or not found.get("amount_captured"):
        return ""
    if not _booked(found["id"], "payment"):
        return "payment not booked"
    moved = found.get("balance_transaction")
    if isinstance(moved, dict) and moved.get("fee") and not _booked(moved["id"], "fee"):
        return "fee not booked"
    return ""


def _refund(found: dict[str, Any]) -> str:
    if found["status"] == "requires_action":
        return ""
    if not _booked(found["id"], "refund"):
        return "refund not booked"
    if found["status"] in ("failed", "canceled") and not _booked(found["id"], "refund_failed"):
        return "failure of the refund not booked"
    return ""


def _booked(source_id: str, kind: str) -> bool:
    return db.session.scalar(select(LedgerEntry.id).where(LedgerEntry.source_id == source_id, LedgerEntry.kind == kind)) is not None


def _unknown(event: dict[str, Any]) -> bool:
    return db.session.scalar(select(StripeEvent.event_id).where(StripeEvent.event_id == event["id"])) is None


def _batches(found: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Lists of at most BATCH, as Stripe's pages are; the session's reading ends before the next page is asked for."""
    rest = iter(found)
    while batch := list(islice(rest, BATCH)):
        yield batch
        db.session.rollback()


def _id(value: Any) -> str | None:
    return value["id"] if isinstance(value, dict) else value
