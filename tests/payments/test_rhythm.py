"""W20 and C20: nobody tells us that nobody tells us anything, so the site's own rhythm must."""

import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from kit import clock, jobs
from kit.database import db
from payments import alarms, probes, rhythm
from payments.domain import rhythm as rules
from payments.models import StripeEvent
from payments.webhooks import HANDLERS
from tests.payments.readers import press, put_on_sale

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
START = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday


def every(step: timedelta, weeks: int = 8, hours: range = range(24)) -> list[datetime]:
    """An event each ``step``, in these hours of the day only."""
    count = int(timedelta(weeks=weeks) / step)
    return [at for at in (START + step * n for n in range(count)) if at.hour in hours]


LEARNT = [
    # what came for eight weeks; after how long a silence it is still nothing, and after how long somebody must look
    ("twice an hour", every(HOUR / 2), 2 * HOUR, 5 * HOUR),
    ("every four hours", every(4 * HOUR), 24 * HOUR, 32 * HOUR),
    ("once a day", every(DAY), 5 * DAY, 9 * DAY),
]


@pytest.mark.parametrize(("times", "nothing", "something"), [one[1:] for one in LEARNT], ids=[one[0] for one in LEARNT])
def test_the_patience_is_the_sites_own(times: list[datetime], nothing: timedelta, something: timedelta) -> None:
    found, last = rules.learn(times), times[-1]
    assert not rules.too_quiet(found, last, last + nothing)
    assert rules.too_quiet(found, last, last + something)


def test_a_night_in_which_nothing_ever_comes_is_no_alarm() -> None:
    times = every(HOUR / 4, hours=range(8, 20))
    found, evening = rules.learn(times), next(at for at in reversed(times) if at.weekday() == 1)
    assert not rules.too_quiet(found, evening, evening + 11 * HOUR)
    assert rules.too_quiet(found, evening, evening + 16 * HOUR)


def test_eight_events_of_one_payment_are_one_burst() -> None:
    calm = every(6 * HOUR)
    told_in_eight = [at + timedelta(seconds=n) for at in calm for n in range(8)]
    assert len(rules.bursts(told_in_eight)) == len(calm)
    assert rules.learn(told_in_eight) == rules.learn(calm) or math.isclose(
        rules.chance(rules.learn(told_in_eight), calm[-1], calm[-1] + DAY),  # type: ignore[arg-type]
        rules.chance(rules.learn(calm), calm[-1], calm[-1] + DAY),  # type: ignore[arg-type]
        rel_tol=0.01,
    )


@pytest.mark.parametrize("times", [[], [START], every(DAY, weeks=2)[:13], every(HOUR, weeks=1)], ids=["none", "one", "13 days", "a week"])
def test_too_little_history_is_no_rhythm(times: list[datetime]) -> None:
    assert rules.learn(times) is None
    assert not rules.too_quiet(None, START, START + timedelta(days=300))


gaps = st.lists(st.integers(11, 3 * 24 * 60), min_size=25, max_size=200)


@given(gaps, st.integers(0, 40 * 24 * 60), st.integers(0, 40 * 24 * 60))
def test_longer_silence_is_never_less_alarming(minutes: list[int], first: int, second: int) -> None:
    at, times = START, []
    for gap in minutes:
        at += timedelta(minutes=gap)
        times.append(at)
    found = rules.learn(times)
    shorter, longer = sorted((first, second))
    early, late = (rules.too_quiet(found, at, at + timedelta(minutes=one)) for one in (shorter, longer))
    assert early <= late
    assert not rules.too_quiet(found, at, at + timedelta(minutes=59))
    if found is not None:
        assert rules.too_quiet(found, at, at + rules.CEILING)
        assert 0 <= rules.chance(found, at, at + timedelta(minutes=longer)) <= rules.chance(found, at, at + timedelta(minutes=shorter)) <= 1


@given(gaps)
def test_a_week_brings_as_many_bursts_as_it_did(minutes: list[int]) -> None:
    """What is drawn towards the mean hour by hour is the same in sum."""
    at, times = START, []
    for gap in minutes:
        at += timedelta(minutes=gap)
        times.append(at)
    found = rules.learn(times)
    if found is not None:
        weeks = (times[-1] - times[0]) / timedelta(weeks=1)
        assert math.isclose(sum(found.rates), len(times) / weeks, rel_tol=1e-9)


def test_the_clock_change_and_the_year_s_end_are_hours_like_others() -> None:
    found = rules.learn(every(HOUR))
    assert found is not None
    for start in (datetime(2026, 3, 29, 0, 30, tzinfo=UTC), datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)):
        assert math.isclose(found.expected(start, start + DAY), sum(found.rates) / 7, rel_tol=0.2)


# --- the journal's --------------------------------------------------------------------------------------------------------


def journal(times: list[datetime], source: str = "webhook") -> None:
    for number, at in enumerate(times):
        names = {"event_id": f"evt_{source}_{number}", "type": "invoice.paid", "payload": "{}", "state": "done", "source": source}
        db.session.add(StripeEvent(account="", livemode=False, created=int(at.timestamp()), received_at=at, **names))
    db.session.commit()


@pytest.fixture
def admin(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.config, "ADMIN_EMAIL", "desk@ferrybell.example")


def test_w20_a_silence_is_told_once_and_again_after_the_next(app: Flask, admin: None, outbox: Any, visit: Any, staff: Any) -> None:
    times = every(HOUR)
    journal(times)
    with time_machine.travel(times[-1] + 3 * HOUR, tick=False):
        assert alarms.silent() is False
        assert probes.heard() == "ok"
    with time_machine.travel(times[-1] + 12 * HOUR, tick=False):
        assert [alarms.silent(), alarms.silent()] == [True, False]
        db.session.commit()
        assert probes.heard().startswith("no event since")
        db.session.rollback()
        page = visit(staff("support")).get("/admin/webhooks/")
        assert "longer than is likely" in page.text
    (mail,) = outbox()
    assert mail.recipient == "desk@ferrybell.example"
    for words in ("http://localhost/webhooks/stripe", "STRIPE_WEBHOOK_SECRET", "clock"):
        assert words in mail.text
    again = times[-1] + 13 * HOUR
    db.session.add(
        StripeEvent(account="", event_id="evt_again", type="invoice.paid", livemode=False, created=1, payload="{}", received_at=again)
    )
    db.session.commit()
    with time_machine.travel(again + HOUR / 2, tick=False):
        assert alarms.silent() is False
    with time_machine.travel(again + 12 * HOUR, tick=False):
        assert alarms.silent() is True
        db.session.commit()
    assert len(outbox()) == 2


def test_w20_a_new_site_is_left_in_peace(app: Flask, admin: None) -> None:
    assert alarms.silent() is False
    journal(every(HOUR, weeks=1))
    assert alarms.silent() is False
    db.session.rollback()


def test_c20_what_only_reconciliation_finds_is_an_alarm_within_minutes(app: Flask, admin: None, outbox: Any) -> None:
    """The machine's clock is six minutes fast: every event is refused at the door, none of them is lost."""
    now = clock.now()
    journal([now - timedelta(minutes=30)])
    journal([now - timedelta(minutes=7 + n) for n in range(2)], "reconcile")
    assert rhythm.silence().alarming is False
    db.session.rollback()
    journal_more = [now - timedelta(minutes=6)]
    names = {"event_id": "evt_third", "type": "invoice.paid", "payload": "{}", "state": "done", "source": "reconcile"}
    db.session.add(StripeEvent(account="", livemode=False, created=int(journal_more[0].timestamp()), received_at=now, **names))
    db.session.commit()
    assert rhythm.silence() == rhythm.Silence(now - timedelta(minutes=30), True, 3)
    assert alarms.silent() is True
    db.session.commit()
    assert "found: 3" in outbox()[0].text


def test_what_the_endpoint_is_never_told_is_no_alarm(
    app: Flask, admin: None, visit: Any, sandbox: Any, make_account: Any, deliver: Any, drain: Any, outbox: Any
) -> None:
    """An endpoint as `flask stripe endpoint register` makes it: the types that we handle were told, all the others are found by comparing."""
    put_on_sale(sandbox)
    jobs.run(app, "payments.reconcile", [])
    drain()
    sandbox.pay(press(visit(make_account())))
    told = [one for one in sandbox.take_deliveries() if json.loads(one.body)["type"] in HANDLERS]
    assert set(deliver(deliveries=told)) == {200}
    db.session.rollback()
    with time_machine.travel(clock.now() + timedelta(minutes=6), tick=True):
        jobs.run(app, "payments.reconcile", [])
        drain()
        assert db.session.scalar(select(func.count()).where(StripeEvent.source == "reconcile", StripeEvent.state == "ignored")) >= 3  # type: ignore[operator]
        assert rhythm.silence().alarming is False
        db.session.rollback()
        jobs.run(app, "payments.listen", [])
    assert [mail.subject for mail in outbox() if mail.recipient == "desk@ferrybell.example"] == []
