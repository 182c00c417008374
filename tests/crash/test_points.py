"""Every enumerated crash point of each flow recovers to the same state (safety C01, C02; figure F2).

The process is killed at each point in turn; then Stripe delivers again, the worker takes up its queue, the person
presses the button once more. What follows from it must be what an undisturbed run gives: the same books, the same
standing, one mail for each fact, and nothing at Stripe twice. The comparison with Stripe's list has no part in that: an
event that was acknowledged and lost shows. (After the undisturbed run it must find nothing to mend.)

Each step begins at an instant of its own, SLOT after the one before, and a recovery takes less than that. So every
instant, Stripe's or ours, lies in the same slot of both runs, however long its run took, and is compared by that.
"""

import re
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import func, select

from kit import clock, jobs
from kit.database import db
from kit.mail import OutboxMail
from membership.models import Account
from payments import call_jobs, journal, journal_jobs, reconciliation, state
from payments.domain import ledger, subscriptions
from payments.domain.reconciliation import Report
from payments.models import LedgerEntry, StripeEvent
from tests.crash.flows import FLOWS, Flow, Stage
from tests.crash.points import Crashed, Points, bury, watched
from tests.mutants import swapped

LEASE = timedelta(seconds=61)
SLOT = timedelta(minutes=5)
LONG = timedelta(minutes=45)  # after which what its own job has forgotten is due again
KINDS = ("customer", "checkout.session", "subscription", "charge", "refund")
_NAMES = re.compile(r'\b[a-z]{2,7}(?:_test)?_(?=[\w-]*[0-9A-Z])[\w-]{8,}|"(?:[0-9a-f]{32}|[\w-]{22})"')
_INSTANTS = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(?:\+00:00|Z)")


def lines(start: datetime) -> list[str]:
    """The state hash's lines without what differs from run to run: random names go, instants become slots since ``start``.

    Of the books the dates too: here every balance transaction is there when its payment is booked.
    """
    db.session.rollback()
    booked = db.session.execute(select(LedgerEntry.source_id, LedgerEntry.kind, LedgerEntry.occurred_at))
    dates = [f"booked {source_id} {kind} {at.isoformat()}" for source_id, kind, at in booked]
    found = sorted(_NAMES.sub("*", _INSTANTS.sub(lambda at: _slot(at[0], start), line)) for line in [*state.facts(), *dates])
    db.session.rollback()
    return found


def _slot(at: str, start: datetime) -> str:
    return f"T{(datetime.fromisoformat(at) - start) // SLOT:+}"


def outcome(stage: Stage, start: datetime) -> dict[str, Any]:
    """What a run leaves: our state, what Stripe has, the mails that somebody received."""
    found = lines(start)
    objects = {kind: sum(1 for one in stage.sandbox.world.store.all(kind) if not one.get("deleted")) for kind in KINDS}
    received = {mail["Message-ID"]: mail["Subject"] for mail in stage.app.extensions["sent_mail"]}
    events = Counter(db.session.scalars(select(StripeEvent.state)))
    accounts = Counter(confirmed is not None for confirmed in db.session.scalars(select(Account.confirmed_at)))
    waiting = db.session.scalar(select(func.count()).select_from(OutboxMail).where(OutboxMail.state != "sent"))
    lost = stage.acknowledged - set(db.session.scalars(select(StripeEvent.event_id)))
    db.session.rollback()
    return {
        "state": found,
        "at Stripe": objects,
        "subjects": sorted(received.values()),
        "acknowledged and lost": sorted(lost),
        "events not done": {name: count for name, count in events.items() if name not in ("done", "ignored")},
        "accounts": dict(accounts),
        "mails waiting": waiting,
    }


def differences(found: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    """What a recovered run left otherwise than the undisturbed one, a line each."""
    lines = {True: Counter(found.pop("state")), False: Counter(expected["state"])}
    less, more = lines[False] - lines[True], lines[True] - lines[False]
    told = [f"missing: {line}" for line in less] + [f"instead: {line}" for line in more]
    return told + [f"{name}: {found[name]} instead of {expected[name]}" for name in found if found[name] != expected[name]]


def drift(stage: Stage) -> list[str]:
    report = Report()
    for _ in reconciliation.walk(report, None, dry_run=True):
        db.session.rollback()
    db.session.rollback()
    return [f"{one.kind} {one.what}" for one in report.drift]


class Runner:
    """Runs one flow on an empty stage, as often as it has points."""

    def __init__(self, flow: type[Flow], app: Any, databases: Any, sandbox: Any, outbox: Any) -> None:
        self.flow, self.app, self.databases, self.sandbox, self.outbox = flow, app, databases, sandbox, outbox
        self.start = clock.now().replace(microsecond=0)  # of every run: Stripe counts in whole seconds

    def run(self, points: Points, kill_at: int | None) -> dict[str, Any]:
        points.disarm()
        db.session.remove()
        self.databases.empty(self.app)
        self.sandbox.reset()
        self.app.extensions["sent_mail"].clear()
        stage = Stage(self.app, self.sandbox, self.outbox)
        with time_machine.travel(self.start, tick=True) as traveller:
            flow = self.flow(stage)
            flow.before()
            points.arm(kill_at)
            for number, step in enumerate(flow.steps(), 1):
                traveller.move_to(self.start + number * SLOT)
                self._do(step, stage, points, traveller)
            passed = list(points.names)
            points.disarm()
            traveller.shift(LONG)
            self._by_the_clock(stage)
            found = outcome(stage, self.start)
            found["drift"] = drift(stage)
            self.mended = self._compare(stage, found["state"]) if kill_at is None else []
            if flow.asks_again:
                found["subjects"] = sorted(set(found["subjects"]))
        self.passed = passed
        self._no_mail_thrice()
        return found

    def _by_the_clock(self, stage: Stage) -> None:
        """What the worker does by itself before long, and what Stripe then has to tell; without a look at Stripe's list."""
        for _ in range(2):
            db.session.rollback()
            call_jobs.resolve_calls()
            stage.tell()
            journal_jobs.pick_up()
            stage.work()

    def _compare(self, stage: Stage, before: list[str]) -> list[str]:
        """What the comparison of every five minutes changes, a line each."""
        db.session.rollback()
        jobs.run(self.app, "payments.reconcile", [])
        stage.work()
        now, then = Counter(lines(self.start)), Counter(before)
        return [f"{line} came" for line in now - then] + [f"{line} went" for line in then - now]

    def _do(self, step: Any, stage: Stage, points: Points, traveller: Any) -> None:
        try:
            step()
        except Crashed:
            points.disarm()
            bury()
            traveller.shift(LEASE)
            stage.work()  # the worker was restarted
            step()

    def _no_mail_thrice(self) -> None:
        copies = Counter(mail["Message-ID"] for mail in self.app.extensions["sent_mail"])
        assert all(count <= 2 for count in copies.values()), "one kill repeats a mail once at most, with the same Message-ID"


@pytest.mark.slow
@pytest.mark.parametrize("name", FLOWS)
def test_every_point_recovers(name: str, app: Any, databases: Any, sandbox: Any, outbox: Any, record_property: Any) -> None:
    runner = Runner(FLOWS[name], app, databases, sandbox, outbox)
    with watched(app, sandbox) as points:
        expected = runner.run(points, None)
        passed = runner.passed
        assert (expected["drift"], expected["acknowledged and lost"], runner.mended) == ([], [], [])
        assert expected["events not done"] == {}
        assert expected["mails waiting"] == 0
        for number, where in enumerate(passed, 1):
            found = runner.run(points, number)
            told = f"killed at point {number} of {len(passed)} ({where})"
            assert "\n".join(differences(found, expected)) == "", told
    record_property("points", len(passed))
    assert len(passed) > 10
    assert sandbox.complaints == []


# --- what it would see -----------------------------------------------------------------------------------------------------


def _a_day_more() -> Any:
    """The recovery gives her a day that nobody paid for."""
    paid_until = subscriptions.paid_until
    return swapped(subscriptions, "paid_until", lambda seen: (until := paid_until(seen)) and until + timedelta(days=1))


def _booked_late() -> Any:
    """The recovery books the payment under a later date than Stripe's."""
    payment_of = ledger.payment_of

    def later(charge: Any) -> Any:
        fact = payment_of(charge)
        return fact and replace(fact, at=fact.at + 86_400)

    return swapped(ledger, "payment_of", later)


def _forgotten() -> Any:
    """The recovery says yes to an event that it does not keep."""
    take_in = journal.take_in
    return swapped(journal, "take_in", lambda event, raw: event["type"] == "charge.succeeded" or take_in(event, raw))


@pytest.mark.parametrize(
    ("fault", "said"),
    [(_a_day_more, "instead: gate {"), (_booked_late, "instead: booked * payment"), (_forgotten, "acknowledged and lost: ['evt_")],
    ids=["a day more", "booked late", "forgotten"],
)
def test_it_sees_a_recovery_that_is_wrong(fault: Any, said: str, app: Any, databases: Any, sandbox: Any, outbox: Any) -> None:
    runner = Runner(FLOWS["webhook"], app, databases, sandbox, outbox)
    with watched(app, sandbox) as points:
        expected = runner.run(points, None)
        with fault():
            found = runner.run(points, 1)
    told = differences(found, expected)
    assert any(line.startswith(said) for line in told), told
