"""The journal: told twice, told in any order, told about something broken; one look for a burst; nothing lost."""

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import func, insert, select

from kit import clock, jobs
from kit.database import db
from membership.models import Membership, MembershipInterval
from payments import journal, leases, subscriptions
from payments.leases import LeaseBusy, LeaseLost
from payments.models import Lease, LedgerEntry, Plan, Receipt, StripeEvent, Subscription
from payments.webhooks import HANDLERS, Handler
from tests.payments.readers import described, entitled, press, put_on_sale

HANDLED = frozenset(HANDLERS)


@pytest.fixture(autouse=True)
def on_sale(app: Any, sandbox: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(app.config, "JOB_RETRY_SECONDS", 0)  # so that another try is queued for now
    monkeypatch.setattr(journal, "BUSY_PAUSE", 0)
    put_on_sale(sandbox)
    yield
    assert sandbox.complaints == []


def states() -> dict[str, str]:
    db.session.rollback()
    found = {row.event_id: row.state for row in db.session.scalars(select(StripeEvent))}
    db.session.rollback()
    return found


def facts(account_id: int) -> tuple[Any, ...]:
    """All that must come out the same however it was told; what is timed by our own clock left out."""
    db.session.rollback()
    member = db.session.get(Membership, account_id)
    intervals = db.session.scalars(select(MembershipInterval).where(MembershipInterval.superseded_at.is_(None)))
    return (
        described(account_id),
        (member.access_from, member.access_until) if member else None,
        sorted((row.kind, row.source_id, row.amount, row.purpose, row.account_id) for row in db.session.scalars(select(LedgerEntry))),
        db.session.scalar(select(func.count()).select_from(Receipt)),
        sorted((row.id, row.status, row.plan_key) for row in db.session.scalars(select(Subscription))),
        sorted((row.state, row.effective_at, row.until, row.mrr_720) for row in intervals),
    )


def wipe() -> None:
    """An empty projection and journal, as after losing the database; what readers asked for is kept."""
    db.session.rollback()
    for trigger in ("ledger_entry_no_update", "ledger_entry_no_delete"):
        if db.engine.dialect.name == "sqlite":
            db.session.connection().exec_driver_sql(f"drop trigger if exists {trigger}")
    if db.engine.dialect.name == "postgresql":
        db.session.connection().exec_driver_sql("truncate ledger_entry, receipt cascade")
    for table in ("receipt", "ledger_entry", "outbox_mail", "stripe_event", "stripe_lease", "membership_interval", "membership_source"):
        db.session.connection().exec_driver_sql(f"delete from {table}")
    for table in ("membership", "stripe_subscription"):
        db.session.connection().exec_driver_sql(f"delete from {table}")
    db.session.commit()


def forget_jobs(app: Any) -> None:
    """Empty the queue and its memory of keys."""
    from kit import jobs

    db.session.rollback()
    known = [flow.workflow_id for flow in jobs.client().list_workflows(load_input=False, load_output=False)]
    jobs.client().delete_workflows(known)


@dataclass
class Delivered:
    account_id: int
    deliveries: list[Any]


@pytest.fixture
def lifecycle(visit: Any, make_account: Any, sandbox: Any) -> Delivered:
    """She subscribed and paid; Stripe has told nothing yet."""
    account_id = (account := make_account()).id
    sandbox.pay(press(visit(account)))
    found = [one for one in sandbox.take_deliveries() if one.event["type"] in HANDLED]
    return Delivered(account_id, found)


def test_doubled_and_in_every_order(lifecycle: Delivered, app: Any, deliver: Any) -> None:
    """Every permutation of the events that carry the membership; each delivered twice; nothing but the same facts."""
    telling = ("checkout.session.completed", "customer.subscription.created", "invoice.paid", "charge.succeeded")
    four = [one for one in lifecycle.deliveries if one.event["type"] in telling]
    rest = [one for one in lifecycle.deliveries if one.event["type"] not in telling]
    assert len(four) == 4
    seen = set()
    for order in itertools.permutations(four):
        assert set(deliver(deliveries=[*order, *rest, *reversed(order)])) == {200}
        assert set(states().values()) == {"done"}
        seen.add(repr(facts(lifecycle.account_id)))
        wipe()
        forget_jobs(app)
    assert len(seen) == 1


@pytest.mark.parametrize("seed", range(5))
def test_told_one_by_one_in_any_order(lifecycle: Delivered, app: Any, deliver: Any, seed: int) -> None:
    """A look after each delivery, not one for all: the state along the way is always Stripe's."""
    doubled = lifecycle.deliveries * 2
    random.Random(seed).shuffle(doubled)
    for one in doubled:
        deliver(deliveries=[one])
    assert entitled(lifecycle.account_id)
    assert set(states().values()) == {"done"}
    entries = list(db.session.scalars(select(LedgerEntry).where(LedgerEntry.kind == "payment")))
    assert [(entry.amount, entry.purpose) for entry in entries] == [(500, "subscription")]
    assert db.session.scalar(select(func.count()).select_from(Receipt)) == 1


def test_a_burst_is_one_look_an_object(lifecycle: Delivered, sandbox: Any, deliver: Any) -> None:
    before = len(sandbox.requests)
    deliver(deliveries=lifecycle.deliveries)
    asked = [one["path"] for one in sandbox.requests[before:] if one["method"] == "GET"]
    customers = [path for path in asked if path.count("/") == 3]
    assert len(customers) == len(set(customers)), f"looked twice: {asked}"


# --- failure ----------------------------------------------------------------------------------------------------------


def broken(message: str) -> Handler:
    def write(_seen: object) -> None:
        raise RuntimeError(message)

    return Handler(lambda _object_id: None, write)


def test_a_poison_event_is_parked_and_the_others_flow(
    lifecycle: Delivered, monkeypatch: pytest.MonkeyPatch, deliver: Any, drain: Any
) -> None:
    monkeypatch.setitem(HANDLERS, "customer.created", broken("the handler has a fault"))
    deliver(deliveries=lifecycle.deliveries)
    assert entitled(lifecycle.account_id)
    parked = list(db.session.scalars(select(StripeEvent).where(StripeEvent.state != "done")))
    assert [(row.type, row.state, row.attempts) for row in parked] == [("customer.created", "parked", journal.MOST_ATTEMPTS)]
    assert parked[0].last_error == "RuntimeError: the handler has a fault"
    poison = (parked[0].account, parked[0].event_id)

    monkeypatch.undo()
    assert journal.replay(*poison)
    db.session.commit()
    drain()
    assert states()[poison[1]] == "done"


def test_a_row_that_the_database_refuses_is_poison_too(
    lifecycle: Delivered, monkeypatch: pytest.MonkeyPatch, deliver: Any, app: Any
) -> None:
    """Not a database in trouble: it was retried by the engine, spoiled its Customer's other events and was never parked."""

    def refused(_seen: Any) -> None:
        db.session.execute(insert(Plan).values(key="k", level="l", name="n", interval="week", unit_amount=1, currency="usd", on_sale=True))

    monkeypatch.setitem(HANDLERS, "customer.created", Handler(lambda _object_id: None, refused))
    deliver(deliveries=lifecycle.deliveries)
    assert entitled(lifecycle.account_id)
    parked = list(db.session.scalars(select(StripeEvent).where(StripeEvent.state != "done")))
    assert [(row.type, row.state, row.attempts) for row in parked] == [("customer.created", "parked", journal.MOST_ATTEMPTS)]
    assert (parked[0].last_error or "").startswith("IntegrityError: ")


def test_what_failed_leaves_nothing_half_done(lifecycle: Delivered, monkeypatch: pytest.MonkeyPatch, deliver: Any) -> None:
    """The failure comes after everything was written: all of it is rolled back, the note of it is not."""

    def spoiled(seen: Any) -> None:
        subscriptions.write(seen)
        raise RuntimeError("at the end")

    one = next(d for d in lifecycle.deliveries if d.event["type"] == "customer.subscription.created")
    monkeypatch.setitem(HANDLERS, "customer.subscription.created", Handler(subscriptions.look, spoiled))
    deliver(deliveries=[one])
    db.session.rollback()
    assert db.session.scalars(select(Subscription)).all() == []
    assert db.session.scalars(select(StripeEvent.attempts)).one() == journal.MOST_ATTEMPTS


def test_while_stripe_is_away_events_wait_and_none_is_parked(lifecycle: Delivered, sandbox: Any, deliver: Any, drain: Any) -> None:
    sandbox.faults(status={"500": 1.0})
    one = next(d for d in lifecycle.deliveries if d.event["type"] == "customer.subscription.created")
    client_statuses = deliver(deliveries=[one], jobs_too=False)
    drain(most=3)
    db.session.rollback()
    row = db.session.scalars(select(StripeEvent)).one()
    assert (client_statuses, row.state, row.attempts) == ([200], "new", 0)
    assert row.last_error
    assert "GatewayUnavailable" in row.last_error
    sandbox.faults()
    journal.again("", row.event_id)  # what was queued for later, now
    db.session.commit()
    drain()
    assert entitled(lifecycle.account_id)


def test_a_nudge_queues_what_waits_strangely_long(lifecycle: Delivered, app: Any, deliver: Any, drain: Any) -> None:
    deliver(deliveries=lifecycle.deliveries, jobs_too=False)
    db.session.rollback()
    forget_jobs(app)  # a queue that was emptied
    assert drain() == 0
    assert journal.nudge(older_than=timedelta(0)) == len(lifecycle.deliveries)
    db.session.commit()
    drain()
    assert set(states().values()) == {"done"}


def test_nudges_do_not_add_up_while_stripe_is_away(lifecycle: Delivered, app: Any, sandbox: Any, deliver: Any, drain: Any) -> None:
    sandbox.faults(status={"500": 1.0})
    deliver(deliveries=lifecycle.deliveries[:1], jobs_too=False)
    start = clock.now()
    for minutes in range(60, 180, 5):
        with time_machine.travel(start + timedelta(minutes=minutes)):
            journal.nudge()
            db.session.commit()
            drain()
            now = clock.now().timestamp() * 1000
            later = [one for one in jobs.client().list_workflows(status="DELAYED") if (one.delay_until_epoch_ms or 0) > now]
            db.session.rollback()
            assert 1 <= len(later) <= 2
    sandbox.faults()


def test_an_event_beyond_what_one_look_takes_is_not_forgotten(
    lifecycle: Delivered, app: Any, deliver: Any, drain: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "AT_ONCE", 2)
    deliver(deliveries=lifecycle.deliveries, jobs_too=False)
    for workflow_id, name, args in reversed(jobs.waiting(app)):  # the queue promises no order
        jobs.run(app, name, args)
        jobs.client().cancel_workflow(workflow_id)
    assert set(states().values()) == {"done"}


# --- leases -----------------------------------------------------------------------------------------------------------


def test_a_busy_lease_is_not_an_attempt(lifecycle: Delivered, deliver: Any, drain: Any) -> None:
    one = next(d for d in lifecycle.deliveries if d.event["type"] == "customer.subscription.created")
    customer_id = one.event["data"]["object"]["customer"]
    with leases.held(customer_id) as lease:
        deliver(deliveries=[one], jobs_too=False)
        drain(most=2)
        db.session.rollback()
        row = db.session.scalars(select(StripeEvent)).one()
        assert (row.state, row.attempts) == ("new", 0)
        lease.guard()
        db.session.commit()
    drain()
    assert set(states().values()) == {"done"}


def test_one_holder_at_a_time_and_a_sleeper_cannot_write(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with leases.held("cus_1") as sleeper:
        with pytest.raises(LeaseBusy), leases.held("cus_1"):
            pass
        later = clock.now() + leases.LENGTH + timedelta(seconds=1)
        monkeypatch.setattr(clock, "now", lambda: later)
        with leases.held("cus_1") as second:
            assert second.fence > sleeper.fence
            second.guard()
            db.session.commit()
        with pytest.raises(LeaseLost):
            sleeper.guard()
        db.session.rollback()


def test_an_exception_frees_the_lease_and_rolls_back(app: Any) -> None:
    def look_and_fail() -> None:
        with leases.held("cus_1") as lease:
            lease.guard()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        look_and_fail()
    db.session.rollback()
    assert db.session.scalars(select(Lease.owner)).one() == ""
    with leases.held("cus_1") as again:
        again.guard()
        db.session.commit()


def test_old_leases_are_swept_and_taken_again(app: Any) -> None:
    with leases.held("cus_1") as lease:
        lease.guard()
        db.session.commit()
    leases.sweep(timedelta(0))
    db.session.commit()
    assert db.session.scalars(select(Lease)).all() == []
    with leases.held("cus_1") as again:
        again.guard()
        db.session.commit()


# --- staff's page -----------------------------------------------------------------------------------------------------


def test_staff_sees_and_replays(visit: Any, staff: Any, lifecycle: Delivered, deliver: Any, drain: Any) -> None:
    deliver(deliveries=lifecycle.deliveries)
    browser = visit(staff("support"))
    page = browser.get("/admin/webhooks/?type=customer.subscription")
    assert (page.status, "customer.subscription.created" in page.text) == (200, True)
    assert "invoice.paid" not in page.text
    event_id = next(one.event["id"] for one in lifecycle.deliveries if one.event["type"] == "invoice.paid")
    page = browser.get(f"/admin/webhooks/{event_id}")
    assert "As it was signed" in page.text
    before = facts(lifecycle.account_id)
    assert browser.submit(f"/admin/webhooks/{event_id}/replay").status == 303
    drain()
    assert states()[event_id] == "done"
    assert facts(lifecycle.account_id) == before


@pytest.mark.parametrize("query", ["?page=0", "?page=-1", "?page=99999999999", "?page=x", "?state=odd", "?about=%00", "?type=%25"])
def test_odd_questions_are_answered(visit: Any, staff: Any, query: str) -> None:
    assert visit(staff("finance")).get(f"/admin/webhooks/{query}").status == 200


@pytest.mark.parametrize("role", [None, "editor"])
def test_not_for_everybody(visit: Any, make_account: Any, role: str | None) -> None:
    browser = visit(make_account(role=role))
    assert browser.get("/admin/webhooks/").status == (404 if role is None else 403)
    assert browser.post("/admin/webhooks/evt_1/replay").status == (404 if role is None else 403)


def test_an_unknown_event_is_not_found(visit: Any, staff: Any) -> None:
    browser = visit(staff("support"))
    assert browser.get("/admin/webhooks/evt_none").status == 404
    assert browser.post("/admin/webhooks/evt_none/replay").status == 404
