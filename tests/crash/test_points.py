"""Every enumerated crash point of each flow recovers to the same state (safety C01, C02; figure F2).

The process is killed at each point in turn; then Stripe delivers again, the worker takes up its queue, the person
presses the button once more. What follows from it must be what an undisturbed run gives: the same books, the same
standing, one mail for each fact, and nothing at Stripe twice.
"""

import re
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import func, select

from kit import clock, jobs
from kit.database import db
from kit.mail import OutboxMail
from membership.models import Account
from payments import reconciliation, state
from payments.domain.reconciliation import Report
from payments.models import StripeEvent
from tests.crash.flows import FLOWS, Flow, Stage
from tests.crash.points import Crashed, Points, bury, watched

LEASE = timedelta(seconds=61)
LONG = timedelta(minutes=45)  # after which the reconciler takes up what its own job has forgotten
KINDS = ("customer", "checkout.session", "subscription", "charge", "refund")
_NAMES = re.compile(r'\b[a-z]{2,7}(?:_test)?_(?=[\w-]*[0-9A-Z])[\w-]{8,}|"(?:[0-9a-f]{32}|[\w-]{22})"')
_INSTANTS = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(?:\+00:00|Z)")


def lines() -> list[str]:
    """The state hash's lines without what differs from run to run: random names, and instants (a recovery takes time)."""
    db.session.rollback()
    return sorted(_NAMES.sub("*", _INSTANTS.sub("T", line)) for line in state.facts())


def outcome(stage: Stage) -> dict[str, Any]:
    """What a run leaves: our state, what Stripe has, the mails that somebody received."""
    found = lines()
    objects = {kind: sum(1 for one in stage.sandbox.world.store.all(kind) if not one.get("deleted")) for kind in KINDS}
    received = {mail["Message-ID"]: mail["Subject"] for mail in stage.app.extensions["sent_mail"]}
    events = Counter(db.session.scalars(select(StripeEvent.state)))
    accounts = Counter(confirmed is not None for confirmed in db.session.scalars(select(Account.confirmed_at)))
    waiting = db.session.scalar(select(func.count()).select_from(OutboxMail).where(OutboxMail.state != "sent"))
    db.session.rollback()
    return {
        "state": found,
        "at Stripe": objects,
        "subjects": sorted(received.values()),
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

    def run(self, points: Points, kill_at: int | None) -> dict[str, Any]:
        points.disarm()
        db.session.remove()
        self.databases.empty(self.app)
        self.sandbox.reset()
        self.app.extensions["sent_mail"].clear()
        stage = Stage(self.app, self.sandbox, self.outbox)
        with time_machine.travel(clock.now(), tick=True) as traveller:
            flow = self.flow(stage)
            flow.before()
            points.arm(kill_at)
            for step in flow.steps():
                self._do(step, stage, points, traveller)
            passed = list(points.names)
            points.disarm()
            traveller.shift(LONG)
            db.session.rollback()
            jobs.run(self.app, "payments.reconcile", [])
            stage.work()
            found = outcome(stage)
            found["drift"] = drift(stage)
            if flow.asks_again:
                found["subjects"] = sorted(set(found["subjects"]))
        self.passed = passed
        self._no_mail_thrice()
        return found

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
        assert expected["drift"] == []
        assert expected["events not done"] == {}
        assert expected["mails waiting"] == 0
        for number, where in enumerate(passed, 1):
            found = runner.run(points, number)
            told = f"killed at point {number} of {len(passed)} ({where})"
            assert "\n".join(differences(found, expected)) == "", told
    record_property("points", len(passed))
    assert len(passed) > 10
    assert sandbox.complaints == []
