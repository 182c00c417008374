"""Reconciliation: what Stripe has and we have not, found and repaired through the same doors as a webhook.

Two looks. ``catch_up`` reads Stripe's list of events since the last one into the same journal; ``walk`` compares
Subscriptions and every kind of money object by object and needs no event, so it can rebuild everything. Both are
generators: they yield wherever the caller shall commit, so that no transaction is open while Stripe is asked.

No mail is sent twice for it: what Stripe counts as delivered we had acknowledged, so the mails were sent (a backup was
restored); and what only the walk finds is too old for a mail that tells it as news. See docs/decisions/0021.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import structlog
from sqlalchemy import exc, func, select

from kit import clock, jobs, mail
from kit.database import db
from kit.settings import settings
from payments import comparing, gateway, journal, leases, reminders, restoring
from payments.comparing import Compared, Stripes
from payments.domain import reconciliation as rules
from payments.domain.ledger import id_of
from payments.domain.reconciliation import Drift, Report
from payments.models import ReconcileRun, StripeEvent, Subscription
from payments.webhooks import HANDLERS

log = structlog.get_logger("payments.reconciliation")

OVERLAP = timedelta(minutes=15)  # events may appear in the list a little late
FIRST = timedelta(days=1)  # how far the first run looks back
KEPT = timedelta(days=30)  # Stripe forgets events after that; the walk needs none
NIGHTLY = timedelta(days=7)  # how far the nightly walk looks back for money, beyond the walk before it
LATE = {"refund": timedelta(days=45), "dispute": timedelta(days=180)}  # what may still change so long after it was made
BATCH = 100

# By the event whose handler would bring an object: the look that repairs it.
LOOKS = {
    "subscription": "customer.subscription.updated",
    "charge": "charge.updated",
    "refund": "refund.updated",
    "dispute": "charge.dispute.updated",
}
_BY_PREFIX = {"ch": "charge", "py": "charge", "re": "refund", "pyr": "refund", "dp": "dispute", "du": "dispute"}


def begin(kind: str) -> int:
    """A run's row (``events`` or ``walk``); answers its id. The caller commits."""
    run = ReconcileRun(kind=kind, started_at=clock.now(), report={})
    db.session.add(run)
    db.session.flush()
    return run.id


def finish(run_id: int, report: Report, cursor: int | None = None) -> None:
    """``cursor``: the newest event that was seen, None when none was: where one began to look says nothing of what came before."""
    run, now = db.session.get_one(ReconcileRun, run_id), clock.now()
    run.cursor = None if cursor is None else min(cursor, int(now.timestamp()))
    run.finished_at, run.report, run.differs = now, report.facts(), not report.clean
    if run.kind == "events":
        restoring.compared(report.told_until)


def after_restoring() -> str:
    """After a backup was restored: reminders that are due by now count as sent, and everything is compared with Stripe."""
    with mail.quiet():
        for _batch in reminders.due():
            pass
    restoring.begin()
    jobs.enqueue("payments.reconcile")
    return "Everything is compared with Stripe as soon as the worker runs; what was told before is told to nobody again."


def since_last() -> datetime:
    """From where the list of events must be read: a little before the newest one that was seen.

    A cursor that lies ahead was written by a clock that was wrong, and counts for nothing: nobody has seen so far.
    """
    now = clock.now()
    seen = select(func.max(ReconcileRun.cursor)).where(ReconcileRun.kind == "events", ReconcileRun.cursor <= int(now.timestamp()))
    known = clock.from_timestamp(db.session.scalar(seen))
    return max(known - OVERLAP, now - KEPT) if known else now - FIRST


def money_since() -> datetime | None:
    """From where the nightly walk compares money: seven days before the last walk that came to its end (None: all of it).

    So a night that was missed, or a backup that is forty days old, is made up for by the next walk. One that began
    later than now did so by a clock that was wrong.
    """
    walked = (ReconcileRun.kind == "walk", ReconcileRun.finished_at.is_not(None), ReconcileRun.started_at <= clock.now())
    last = db.session.scalar(select(func.max(ReconcileRun.started_at)).where(*walked))
    return last - NIGHTLY if last else None


def catch_up(report: Report, since: datetime, *, dry_run: bool = False) -> Iterator[int]:
    """Journal every event since then that we do not have. Yields the newest ``created`` seen so far, page by page."""
    newest, whole = 0, _hears_whole_events()
    for events in _batches(gateway.list_events(created={"gte": int(since.timestamp())})):
        report.saw("event", len(events))
        unknown = comparing.unknown([event["id"] for event in events])
        for event in reversed(events):
            newest = max(newest, event["created"])
            if event["id"] in unknown:
                _missed(report, event, dry_run, whole)
        yield newest


def _hears_whole_events() -> bool:
    """Does Stripe's word that an event was delivered mean that we had it? Not where only notifications of it are heard."""
    if not settings()["STRIPE_NOTIFICATION_SECRET"]:
        return True
    whole = (StripeEvent.source == "webhook", StripeEvent.state != "ignored")
    return db.session.scalar(select(StripeEvent.event_id).where(*whole).limit(1)) is not None


def _missed(report: Report, event: Stripes, dry_run: bool, whole: bool) -> None:
    told = whole and event.get("pending_webhooks") == 0
    if not dry_run and not journal.record(event, json.dumps(event, default=str), "reconcile", quiet=told):
        return  # it came by webhook in this very moment
    if event["type"] in HANDLERS:
        report.missed_events += 1
        report.told_before += told
        if told:
            report.told_until = max(report.told_until or 0, event["created"])
        log.warning("event was missed", event_id=event["id"], type=event["type"], told_before=told)


def walk(report: Report, since: datetime | None, *, dry_run: bool = False) -> Iterator[None]:
    """Compare every Subscription, and the money since then (None: all of it); repair unless ``dry_run``."""
    listed: set[str] = set()
    for batch in _batches(gateway.list_subscriptions()):
        listed |= {found["id"] for found in batch}
        yield from _all(report, "subscription", comparing.subscriptions, batch, dry_run)
    money: list[tuple[str, Iterable[Stripes], Callable[[list[Stripes]], Compared]]] = [
        ("charge", gateway.list_charges(expand=["data.balance_transaction"], **_created(since)), comparing.charges),
        ("refund", gateway.list_refunds(**_created(since, "refund")), comparing.refunds),
        ("dispute", gateway.list_disputes(**_created(since, "dispute")), comparing.disputes),
        ("invoice payment", gateway.list_invoice_payments(**_created(since)), comparing.invoice_payments),
        ("balance movement", gateway.list_balance_transactions(**_created(since)), comparing.movements),
    ]
    for kind, found, compare in money:
        for batch in _batches(found):
            yield from _all(report, kind, compare, batch, dry_run)
    yield from _ours_alone(report, listed, dry_run)


def _created(since: datetime | None, kind: str = "") -> dict[str, Any]:
    return {"created": {"gte": int((since - LATE.get(kind, timedelta())).timestamp())}} if since else {}


def _all(report: Report, kind: str, compare: Callable[[list[Stripes]], Compared], batch: list[Stripes], dry_run: bool) -> Iterator[None]:
    compared = compare(batch)
    report.saw(kind, len(batch))
    db.session.rollback()  # reading is over
    for found, what in compared:
        if what:
            cause = rules.cause(comparing.told(_object_of(kind, found)))
            db.session.rollback()
            repaired = not dry_run and _repaired(kind, found)
            if repaired:
                yield
                repaired = not any(left for _, left in compare([found]))  # said to be repaired only when it is
                db.session.rollback()
            report.drift.append(Drift(kind, found["id"], what, cause, repaired))
            log.warning("drift", kind=kind, id=found["id"], what=what, cause=cause, repaired=repaired)
            yield


def _object_of(kind: str, found: Stripes) -> str:
    """What to look at: the object itself, or what a payment of an invoice or a movement of the balance is of."""
    if kind == "invoice payment":
        return id_of(found.get("charge")) or found["id"]
    if kind == "balance movement":
        return id_of(found.get("source")) or found["id"]
    return found["id"]


def _repaired(kind: str, found: Stripes) -> bool:
    """Did it work? One object that cannot be repaired must not keep all those behind it from being looked at."""
    try:
        return _repair(kind, found)
    except (gateway.GatewayUnavailable, exc.OperationalError):
        raise  # no object's fault
    except Exception:
        db.session.rollback()
        log.exception("drift not repaired", kind=kind, id=found["id"])
        return False


def _repair(kind: str, found: Stripes) -> bool:
    """As a webhook about it would: lease, look, write. The Customer first, for whom it belongs to. The caller commits."""
    object_id = _object_of(kind, found)
    look = LOOKS.get(kind) or LOOKS.get(_BY_PREFIX.get(object_id.partition("_")[0], ""))
    if look is None:
        return False
    customer_id = id_of(found.get("customer"))
    wishes = [("customer.updated", customer_id)] if customer_id else []
    wishes.append((look, object_id))
    try:
        with leases.held(customer_id or object_id, patience=5) as lease, gateway.remembering(), mail.quiet():
            seen = [(HANDLERS[name], HANDLERS[name].look(one)) for name, one in wishes]
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
    missing = [{"id": one, "customer": customer} for one, customer in rows if not one.startswith(rules.SIMULATED)]
    yield from _all(report, "subscription", lambda batch: [(found, "Stripe does not list it") for found in batch], missing, dry_run)


def _batches(found: Iterable[Stripes]) -> Iterator[list[Stripes]]:
    """Lists of at most BATCH, as Stripe's pages are; the session's reading ends before the next page is asked for."""
    rest = iter(found)
    while batch := list(islice(rest, BATCH)):
        yield batch
        db.session.rollback()
