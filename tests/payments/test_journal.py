"""The journal: told twice, told in any order, told about something broken; one look for a burst; nothing lost."""

import itertools
import json
import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import stripe
import time_machine
from sqlalchemy import func, insert, select

from kit import clock, engine, jobs
from kit.database import db
from membership.models import Membership, MembershipInterval
from payments import journal, leases, pickup, subscriptions
from payments.gateway import KeyRefused
from payments.leases import LeaseBusy, LeaseLost
from payments.models import Lease, LedgerEntry, Plan, Receipt, StripeEvent, Subscription
from payments.models.journal import IS_PARKED
from payments.pacing import Breaker
from payments.webhooks import HANDLERS, Handler
from tests.payments.readers import described, entitled, press, put_on_sale, subscription_of
from tests.waiting import until

HANDLED = frozenset(HANDLERS)


@pytest.fixture(autouse=True)
def on_sale(app: Any, sandbox: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(app.config, "JOB_RETRY_SECONDS", 0)  # so that another try is queued for now
    monkeypatch.setattr(journal, "BUSY_PAUSE", 0)
    monkeypatch.setitem(app.extensions, "stripe_breaker", Breaker(pause=0.0))  # no ten seconds until one tries again
    monkeypatch.setattr(stripe.HTTPClient, "INITIAL_DELAY", 0)  # nor does the SDK pause between its tries
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
    for trigger in ("ledger_entry_no_update", "ledger_entry_no_delete", "stripe_event_no_delete", "journal_link_no_delete"):
        if db.engine.dialect.name == "sqlite":
            db.session.connection().exec_driver_sql(f"drop trigger if exists {trigger}")
    if db.engine.dialect.name == "postgresql":
        db.session.connection().exec_driver_sql("truncate ledger_entry, receipt, stripe_event, journal_link cascade")
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


def test_two_changes_of_one_second_told_backwards(lifecycle: Delivered, sandbox: Any, deliver: Any) -> None:
    """She leaves and stays within a second: ``created`` cannot say which was later, and Stripe can."""
    deliver(deliveries=lifecycle.deliveries)
    subscription_id = subscription_of(lifecycle.account_id).id
    with time_machine.travel(clock.now(), tick=False):
        sandbox.portal_cancel(subscription_id)
        sandbox.portal_undo(subscription_id)
    told = sandbox.take_deliveries()[::-1]
    assert len(told) == 2
    assert len({one.event["created"] for one in told}) == 1
    for one in told:
        deliver(deliveries=[one])
    assert (subscription_of(lifecycle.account_id).ends_at, described(lifecycle.account_id)["status"]) == (None, "active")


def test_what_was_told_before_the_backup_is_not_mailed_again(lifecycle: Delivered, app: Any, drain: Any, outbox: Any) -> None:
    """An older database hears again what Stripe counts as delivered: all of it follows, and nobody is written to."""
    for one in lifecycle.deliveries:
        assert journal.record(one.event, json.dumps(one.event), "reconcile", quiet=True)
    db.session.commit()
    drain()
    assert entitled(lifecycle.account_id)
    assert {mail.state for mail in outbox()} == {"skipped"}
    assert app.extensions["sent_mail"] == []


# --- failure ----------------------------------------------------------------------------------------------------------


def broken(message: str) -> Handler:
    def write(_seen: object) -> None:
        raise RuntimeError(message)

    return Handler(lambda _object_id: None, write)


def test_w18_a_poison_event_is_parked_and_told_and_the_others_flow(
    lifecycle: Delivered, monkeypatch: pytest.MonkeyPatch, app: Any, deliver: Any, drain: Any, outbox: Any
) -> None:
    monkeypatch.setitem(app.config, "ADMIN_EMAIL", "desk@ferrybell.example")
    monkeypatch.setitem(HANDLERS, "customer.created", broken("the handler has a fault"))
    deliver(deliveries=lifecycle.deliveries)
    assert entitled(lifecycle.account_id)
    parked = list(db.session.scalars(select(StripeEvent).where(StripeEvent.state != "done")))
    assert [(row.type, row.state, row.attempts) for row in parked] == [("customer.created", "parked", journal.MOST_ATTEMPTS)]
    assert parked[0].last_error == "RuntimeError: the handler has a fault"
    poison = (parked[0].account, parked[0].event_id)
    told = [mail.text for mail in outbox() if mail.recipient == "desk@ferrybell.example"]
    assert [poison[1] in text and "the handler has a fault" in text for text in told] == [True]

    monkeypatch.undo()
    assert journal.replay(*poison)
    db.session.commit()
    drain()
    assert states()[poison[1]] == "done"


def test_w18_an_object_for_which_stripe_has_no_answer_is_parked_and_the_others_flow(
    lifecycle: Delivered, monkeypatch: pytest.MonkeyPatch, app: Any, sandbox: Any, deliver: Any, drain: Any, outbox: Any
) -> None:
    """One Charge is answered with 500 for ever. Everything else of this Customer is applied within minutes."""
    monkeypatch.setitem(app.config, "ADMIN_EMAIL", "desk@ferrybell.example")
    sandbox.faults(status={"500": 1.0}, paths="^/v1/charges/")
    with time_machine.travel(clock.now(), tick=True) as traveller:
        deliver(deliveries=lifecycle.deliveries)
        assert not entitled(lifecycle.account_id), "a moment's trouble is waited out together"
        db.session.rollback()
        jobs.run(app, "payments.reconcile", [])  # it is answered
        traveller.shift(timedelta(minutes=2))
        drain()
        assert entitled(lifecycle.account_id)
        left = db.session.execute(select(StripeEvent.type, StripeEvent.attempts).where(StripeEvent.state == "new")).all()
        assert {kind.partition(".")[0] for kind, _ in left} == {"charge"}
        assert {attempts for _, attempts in left} == {0}
        db.session.rollback()
        for _ in range(8):
            traveller.shift(timedelta(minutes=11))
            jobs.run(app, "payments.reconcile", [])
            drain()
    parked = list(db.session.scalars(select(StripeEvent).where(StripeEvent.state.not_in(("done", "ignored")))))
    assert {(row.type.partition(".")[0], row.state, row.attempts) for row in parked} == {("charge", "parked", journal.MOST_ATTEMPTS)}
    assert "APIError 500" in (parked[0].last_error or "")
    assert len([mail for mail in outbox() if mail.recipient == "desk@ferrybell.example"]) == len(parked)
    sandbox.faults()


def test_s11_a_permission_that_is_missing_holds_up_what_needs_it_and_is_told_once_a_day(
    lifecycle: Delivered, monkeypatch: pytest.MonkeyPatch, app: Any, sandbox: Any, deliver: Any, drain: Any, outbox: Any
) -> None:
    monkeypatch.setitem(app.config, "ADMIN_EMAIL", "desk@ferrybell.example")
    sandbox.faults(status={"403": 1.0}, paths="^/v1/charges/")
    with time_machine.travel(clock.now(), tick=True) as traveller:
        started = clock.now()
        deliver(deliveries=lifecycle.deliveries)
        for _ in range(20):
            traveller.shift(timedelta(minutes=11))
            drain()
        assert entitled(lifecycle.account_id)
        left = db.session.execute(select(StripeEvent.type, StripeEvent.attempts).where(StripeEvent.state == "new")).all()
        assert {kind.partition(".")[0] for kind, _ in left} == {"charge"}
        assert {attempts for _, attempts in left} == {0}, "nothing is wrong with them"
        told = [mail for mail in outbox() if mail.recipient == "desk@ferrybell.example"]
        days = 1 + (clock.now().date() - started.date()).days  # of UTC; three hours and a half may cross into the next
        assert [mail.subject for mail in told] == ["Stripe refuses our key"] * days
        sandbox.faults()
        traveller.shift(timedelta(minutes=11))
        drain()
    assert set(states().values()) == {"done"}


def test_s11_a_key_that_was_revoked_is_told_within_five_minutes(
    monkeypatch: pytest.MonkeyPatch, app: Any, sandbox: Any, outbox: Any
) -> None:
    monkeypatch.setitem(app.config, "ADMIN_EMAIL", "desk@ferrybell.example")
    sandbox.faults(status={"401": 1.0})
    for _ in range(2):
        with pytest.raises(KeyRefused):
            jobs.run(app, "payments.reconcile", [])
    assert [(mail.recipient, mail.subject) for mail in outbox()] == [("desk@ferrybell.example", "Stripe refuses our key")]


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


def test_what_was_taken_up_and_lost_is_due_again(lifecycle: Delivered, app: Any, deliver: Any, drain: Any) -> None:
    deliver(deliveries=lifecycle.deliveries, jobs_too=False)
    assert jobs.waiting(app), "taken up"
    db.session.rollback()
    forget_jobs(app)  # a queue that was emptied
    assert drain() == 0
    with time_machine.travel(clock.now() + pickup.CLAIM + timedelta(seconds=1)):
        assert drain() > 0
    assert set(states().values()) == {"done"}


def test_a_burst_of_one_customer_is_one_job(lifecycle: Delivered, app: Any, deliver: Any) -> None:
    deliver(deliveries=lifecycle.deliveries, jobs_too=False)
    waiting = [args for _id, name, args in jobs.waiting(app) if name == "payments.apply_waiting"]
    assert len(lifecycle.deliveries) > len(waiting) == len({tuple(args) for args in waiting})
    assert jobs.waiting(app)
    assert [args for _id, name, args in jobs.waiting(app) if name == "payments.apply_waiting"] == waiting, "nothing is taken up twice"


def test_the_worker_itself_picks_up(lifecycle: Delivered, app: Any, deliver: Any) -> None:
    """No job is queued at the door: the running engine finds the row."""
    deliver(deliveries=lifecycle.deliveries, jobs_too=False)
    db.session.rollback()
    with engine.engine(app, polling=0.1):
        until(lambda: set(states().values()) == {"done"}, what="the journal to be applied")


def test_while_stripe_is_away_one_job_a_customer_waits_and_they_do_not_add_up(
    lifecycle: Delivered, app: Any, sandbox: Any, deliver: Any, drain: Any
) -> None:
    sandbox.faults(status={"500": 1.0})
    deliver(deliveries=lifecycle.deliveries[:1], jobs_too=False)
    start = clock.now()
    for minutes in range(5, 180, 15):
        with time_machine.travel(start + timedelta(minutes=minutes)):
            assert drain() <= 1
            assert len(jobs.client().list_workflows(status=["DELAYED", "ENQUEUED"])) == 0
            db.session.rollback()
    assert set(states().values()) == {"new"}
    assert set(db.session.scalars(select(StripeEvent.attempts))) == {0}, "nobody is answered, so it is no event's fault"
    sandbox.faults()


def test_while_nobody_is_answered_the_worker_s_places_are_free_for_mail(
    app: Any, monkeypatch: pytest.MonkeyPatch, sandbox: Any, deliver: Any, drain: Any
) -> None:
    """Thirty Customers wait for a look. Each look at a Stripe that hangs would hold one of two places for a minute."""
    monkeypatch.setitem(app.extensions, "stripe_breaker", Breaker())
    names = {"object": "event", "type": "customer.updated", "livemode": False, "created": 1}
    for number in range(30):
        event = {**names, "id": f"evt_{number}", "data": {"object": {"id": f"cus_{number}", "object": "customer"}}}
        journal.record(event, json.dumps(event))
    db.session.commit()
    sandbox.faults(reset=1.0)
    before = len(sandbox.requests)
    assert drain(most=30) == 30
    assert len(sandbox.requests) - before <= 5 * 3, "five were tried, three times each by the SDK"
    assert set(states().values()) == {"new"}
    sandbox.faults()


def test_a_look_that_outlasts_its_lease_is_counted(lifecycle: Delivered, monkeypatch: pytest.MonkeyPatch, deliver: Any) -> None:
    """It was tried for ever: nobody saw that its look takes longer than a lease."""
    monkeypatch.setattr(leases, "LENGTH", timedelta(seconds=-1))
    look = HANDLERS["customer.subscription.created"].look

    def slowly(object_id: str) -> Any:
        with leases.held(customer_id):
            db.session.rollback()
        return look(object_id)

    one = next(d for d in lifecycle.deliveries if d.event["type"] == "customer.subscription.created")
    customer_id = one.event["data"]["object"]["customer"]
    monkeypatch.setitem(HANDLERS, "customer.subscription.created", Handler(slowly, subscriptions.write))
    deliver(deliveries=[one])
    db.session.rollback()
    row = db.session.scalars(select(StripeEvent)).one()
    assert (row.state, row.attempts) == ("parked", journal.MOST_ATTEMPTS)
    assert (row.last_error or "").startswith("LeaseLost")


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


def test_nobody_looks_while_another_does(
    lifecycle: Delivered, app: Any, sandbox: Any, deliver: Any, drain: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """She leaves between a worker's look and its write, and another worker is told: the older look never has the last word."""
    deliver(deliveries=lifecycle.deliveries)
    row = subscription_of(lifecycle.account_id)
    subscription_id, customer_id = row.id, row.customer_id
    follow, others = HANDLERS["customer.subscription.updated"], list[threading.Thread]()

    def look(object_id: str) -> Any:
        seen = follow.look(object_id)
        if not others:
            sandbox.portal_cancel(subscription_id)
            deliver(jobs_too=False)
            others.append(threading.Thread(target=jobs.run, args=(app, "payments.apply_waiting", ["", customer_id])))
            others[0].start()
            others[0].join()
        return seen

    monkeypatch.setitem(HANDLERS, "customer.subscription.updated", Handler(look, follow.write))
    sandbox.portal_cancel(subscription_id)
    sandbox.portal_undo(subscription_id)
    deliver()
    drain()
    assert others
    assert set(states().values()) == {"done"}
    assert subscription_of(lifecycle.account_id).ends_at == clock.from_timestamp(sandbox.get(subscription_id)["cancel_at"])


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


def test_staff_and_the_command_line_replay_several(
    visit: Any, staff: Any, app: Any, lifecycle: Delivered, deliver: Any, drain: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in ("customer.created", "charge.succeeded"):
        monkeypatch.setitem(HANDLERS, kind, broken("a fault"))
    deliver(deliveries=lifecycle.deliveries)
    parked = [event_id for event_id, state in states().items() if state == "parked"]
    done = [event_id for event_id, state in states().items() if state == "done"]
    assert len(parked) == 2
    monkeypatch.undo()
    monkeypatch.setitem(app.config, "JOB_RETRY_SECONDS", 0)
    browser = visit(staff("finance"))
    assert "(2)" in browser.get("/admin/webhooks/?state=parked").text
    assert "Choose at least one" in browser.post("/admin/webhooks/replay", {}, follow=True).text
    assert "2 events will be applied again" in browser.post("/admin/webhooks/replay", {"event": [done[0], parked[0]]}, follow=True).text
    assert (states()[done[0]], states()[parked[0]], states()[parked[1]]) == ("new", "new", "parked")
    assert "1 event will be applied again" in browser.post("/admin/webhooks/replay", {"which": "parked"}, follow=True).text
    drain()
    assert set(states().values()) == {"done"}
    before = facts(lifecycle.account_id)

    run = app.test_cli_runner().invoke
    assert run(args=["events", "replay", *done[:3]]).output == "3 queued.\n"
    assert run(args=["events", "replay", "--parked"]).output == "0 queued.\n"
    assert run(args=["events", "replay"]).exit_code == 2
    assert run(args=["events", "replay", "evt_none"]).exit_code == 1
    drain()
    assert (set(states().values()), facts(lifecycle.account_id)) == ({"done"}, before)


def test_the_queue_is_looked_at_by_its_index(app: Any) -> None:
    """The journal is kept for ever; what is to do is a few rows of it."""
    if db.engine.dialect.name != "sqlite":
        pytest.skip("an empty table's plan says nothing on PostgreSQL")
    for query in (select(StripeEvent.event_id).where(*pickup._due()), select(StripeEvent.event_id).where(IS_PARKED)):
        sql = str(query.compile(db.engine, compile_kwargs={"literal_binds": False}))
        count = sql.count("?")
        plan = db.session.connection().exec_driver_sql(f"explain query plan {sql}", ("2026-01-01",) * count).all()
        assert "USING" in plan[0][-1], plan
        assert "INDEX ix_stripe_event_" in plan[0][-1], plan
    db.session.rollback()


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
