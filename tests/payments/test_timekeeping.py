"""C14, C20: the machine's clock is set, or is wrong; who notices, who is believed, and what nobody loses by it."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from itsdangerous import SignatureExpired
from sqlalchemy import select
from werkzeug.test import Client

from kit import clock, jobs, timekeeping
from kit.database import db
from payments.jobs import keep_time
from sandbox.delivery import signature
from tests.conftest import WEBHOOK_SECRET
from tests.payments.readers import entitled, put_on_sale, subscribe

FAR = [-400, 400]
BY_THE_CLOCK = [
    "membership.sweep",
    "membership.renew",
    "payments.remind",
    "payments.deliver_gifts",
    "payments.place_gifts",
    "newsletter.daily",
]


@pytest.fixture(autouse=True)
def keeping(app: Flask) -> Iterator[None]:
    """This process keeps time, as web and worker do; under test nothing else does."""
    app.config["ADMIN_EMAIL"] = "admin@localhost"
    begin()
    yield
    timekeeping.end()
    app.config["ADMIN_EMAIL"] = ""


def begin() -> None:
    """As a process that has just started."""
    timekeeping.end()
    timekeeping.begin()
    db.session.rollback()


def note() -> None:
    timekeeping.note()
    db.session.commit()


def set_by(days: float) -> Any:
    """The machine's clock is set; the count of its seconds goes on."""
    return time_machine.travel(clock.told() + timedelta(days=days), tick=True)


def ask(app: Flask) -> None:
    """The worker's look, as if its last one were long ago."""
    timekeeping._process.noted = 0.0
    with app.app_context():
        keep_time()
        db.session.remove()
    db.session.rollback()


@pytest.mark.parametrize("days", [*FAR, 1.1, -1.1])
def test_a_jump_of_more_than_a_day_is_not_believed_and_ends_by_itself(days: float) -> None:
    before = clock.now()
    with set_by(days):
        assert abs(clock.now() - before) < timedelta(minutes=5)
        assert round((clock.doubt() or timedelta()) / timedelta(days=1), 1) == days
    assert clock.doubt() is None
    assert abs(clock.now() - clock.told()) < timedelta(seconds=1)


@pytest.mark.parametrize("days", [0.04, -0.04, 0.9])
def test_a_smaller_one_is(days: float) -> None:
    with set_by(days):
        assert (clock.doubt(), abs(clock.told() - clock.now()) < timedelta(seconds=1)) == (None, True)


def test_who_does_not_keep_time_believes_the_clock() -> None:
    timekeeping.end()
    with set_by(400):
        assert clock.now() == pytest.approx(clock.told(), abs=timedelta(seconds=1))


@pytest.mark.parametrize("days", FAR)
def test_C14_nobody_s_access_and_no_session_ends_while_the_clock_is_400_days_off(
    app: Flask, visit: Any, make_account: Any, sandbox: Any, deliver: Any, outbox: Any, days: int
) -> None:
    put_on_sale(sandbox)
    account_id = (account := make_account()).id
    subscribe(visit, sandbox, deliver, account)
    her = visit(account)
    assert her.get("/account/").status == 200
    mails = len(outbox())
    note()
    with set_by(days):
        assert entitled(account_id)
        assert her.get("/account/").status == 200, "the session in her browser is no older than it was"
        assert her.get("/api/v1/me").response.get_json()["membership"]["entitled"] is True
        for name in BY_THE_CLOCK:
            jobs.run(app, name, [])
        begin()  # a process that starts meanwhile
        assert entitled(account_id)
        assert her.get("/account/").status == 200
    assert (her.get("/account/").status, len(outbox())) == (200, mails)


@pytest.mark.parametrize("days", FAR)
def test_C14_stripe_says_otherwise_and_somebody_is_told_once(app: Flask, sandbox: Any, outbox: Any, days: int) -> None:
    note()
    sandbox.freeze(int(clock.now().timestamp()))  # it is our clock that jumps, not Stripe's
    before = clock.now()
    with set_by(days):
        ask(app)
        ask(app)
        assert abs(clock.now() - before) < timedelta(minutes=5)
        (mail,) = [one for one in outbox() if one.key.startswith("clock-jumped:")]
        assert (mail.recipient, "Stripe's clock says otherwise too" in mail.text) == ("admin@localhost", True)
        begin()
        assert abs(clock.now() - before) < timedelta(minutes=5)


@pytest.mark.parametrize("days", FAR)
def test_C14_a_clock_that_was_put_right_is_believed_when_stripe_says_so(app: Flask, sandbox: Any, outbox: Any, days: int) -> None:
    """A machine that was restored from its own snapshot jumps by days and is right."""
    note()
    with set_by(days):  # the stand-in's clock too: it is this machine's
        ask(app)
        assert (clock.doubt(), abs(clock.now() - clock.told()) < timedelta(seconds=1)) == (None, True)
        begin()
        assert clock.doubt() is None
        assert [one for one in outbox() if one.key.startswith("clock-jumped:")] == []
        note()


def believe_in_another_process(app: Flask) -> int:
    """``flask clock believe``: this process, which stands for web or worker, knows nothing of it."""
    kept, mine = clock._kept, timekeeping._process.__dict__.copy()
    code = app.test_cli_runner().invoke(args=["clock", "believe"]).exit_code
    clock._kept = kept
    timekeeping._process.__dict__.update(mine)
    return code


def look_again() -> None:
    """The web's look, as if its last one were long ago."""
    timekeeping._process.looked = -timekeeping.ASK_AGAIN
    timekeeping.watch()


def test_C14_the_web_follows_what_a_person_decided(app: Flask) -> None:
    note()
    with set_by(3):
        assert clock.doubt() is not None
        assert believe_in_another_process(app) == 0
        timekeeping._process.looked = clock.steady()
        timekeeping.watch()
        assert clock.doubt() is not None, "not asked at each request"
        look_again()
        assert clock.doubt() is None


def test_C14_the_worker_follows_a_person_though_stripe_says_otherwise(app: Flask, sandbox: Any) -> None:
    note()
    sandbox.freeze(int(clock.now().timestamp()))
    with set_by(3):
        ask(app)
        assert clock.doubt() is not None
        assert believe_in_another_process(app) == 0
        ask(app)
        assert clock.doubt() is None
        ask(app)
        assert timekeeping.seen_at() == pytest.approx(clock.told(), abs=timedelta(seconds=1))


def test_C14_a_row_that_is_merely_older_does_not_set_the_web_back(app: Flask) -> None:
    """The worker notes once a minute, or was stopped hours ago: the web's own count is right."""
    with time_machine.travel(clock.told() - timedelta(hours=5), tick=True):
        note()
    before = clock.now()
    with set_by(400):
        for _ in range(3):
            look_again()
            assert timedelta(seconds=-1) < clock.now() - before < timedelta(minutes=5)


def test_C14_the_web_takes_the_time_that_the_worker_had_from_stripe(app: Flask) -> None:
    """Both counted on from an old row; then the worker asked."""
    right = clock.told()
    with time_machine.travel(right - timedelta(days=10), tick=True):
        note()
    with set_by(-400):
        begin()
        look_again()
        kept = clock._kept
        timekeeping.note(right)
        db.session.commit()
        clock._kept = kept
        look_again()
        assert abs(clock.now() - right) < timedelta(minutes=5)


@pytest.mark.parametrize("days", [-2, -400])
def test_C14_stripe_s_signature_says_that_the_clock_is_right_where_no_worker_could_ask(app: Flask, days: int) -> None:
    """The worker was dead for days, and the web is started: what Stripe tells is taken, and settles it."""
    with time_machine.travel(clock.told() + timedelta(days=days), tick=True):
        begin()
        note()
    begin()
    assert clock.doubt() is not None
    body = json.dumps({"id": "evt_1", "object": "event", "type": "customer.created", "livemode": False, "created": 1})
    for at, status in ((clock.told(), 200), (clock.told() - timedelta(hours=1), 400)):
        header = {"Stripe-Signature": signature(body.encode(), WEBHOOK_SECRET, int(at.timestamp()))}
        assert app.test_client().post("/webhooks/stripe", data=body, headers=header).status_code == status
        assert clock.doubt() is None


def test_what_another_process_signed_a_moment_ahead_is_no_forgery(app: Flask) -> None:
    signer = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]
    with set_by(0.0005):  # 43 seconds
        ahead = signer.dumps({"who": 1})
    assert signer.loads(ahead, max_age=100) == {"who": 1}
    with set_by(0.01):
        far_ahead = signer.dumps({"who": 1})
    with pytest.raises(SignatureExpired):
        signer.loads(far_ahead, max_age=100)
    with set_by(-0.01):
        old = signer.dumps({"who": 1})
    with pytest.raises(SignatureExpired):
        signer.loads(old, max_age=100)


def test_the_time_is_known_before_the_session_is_opened_and_healthz_asks_nobody(app: Flask, visit: Any, make_account: Any) -> None:
    """A process that starts with a wrong clock: by it her cookie is years old."""
    her = visit(make_account())
    note()
    front = Client(timekeeping.Keeping(app))
    front.set_cookie("session", her.client.get_cookie("session").value)
    with set_by(400):
        timekeeping.end()
        assert front.get("/healthz").status_code == 200
        assert not timekeeping._process.began
        assert front.get("/account/", headers={"Host": "localhost"}).status_code == 200
        assert timekeeping._process.began


def test_C14_without_an_answer_the_count_goes_on_and_a_person_decides(app: Flask, sandbox: Any, outbox: Any) -> None:
    note()
    sandbox.faults(reset=1.0)
    before = clock.now()
    with set_by(400):
        ask(app)
        assert abs(clock.now() - before) < timedelta(minutes=5)
        (mail,) = [one for one in outbox() if one.key.startswith("clock-jumped:")]
        assert "Stripe could not be asked" in mail.text
        said = app.test_cli_runner().invoke(args=["doctor"]).output
        assert "FAIL clock: it says" in said
        assert believe_in_another_process(app) == 0
        ask(app)  # the worker that runs
        assert clock.doubt() is None
    sandbox.faults()


def test_C14_started_with_a_clock_that_is_wrong_and_a_row_that_is_old_stripe_s_time_it_is(app: Flask, sandbox: Any, outbox: Any) -> None:
    """Off for ten days, and started with a clock of last year."""
    with time_machine.travel(clock.told() - timedelta(days=10), tick=True):
        begin()
        note()
    right = clock.told()
    sandbox.freeze(int(right.timestamp()))
    with set_by(-400):
        begin()
        assert abs(clock.now() - (right - timedelta(days=10))) < timedelta(minutes=5)
        ask(app)
        assert abs(clock.now() - right) < timedelta(minutes=5)
    assert [one.key.partition(":")[0] for one in outbox()] == ["clock-jumped"]


@pytest.mark.parametrize(("minutes", "told"), [(2, True), (-2, True), (0.5, False)])
def test_C20_a_skew_of_a_minute_is_told_by_the_next_look_though_no_event_came(
    app: Flask, sandbox: Any, outbox: Any, minutes: float, told: bool
) -> None:
    sandbox.freeze(int((clock.now() - timedelta(minutes=minutes)).timestamp()))
    for _ in range(2):
        jobs.run(app, "payments.reconcile", [])
    assert len([one for one in outbox() if one.key.startswith("clock:")]) == told


def test_each_minute_the_worker_notes_what_it_believes(app: Flask) -> None:
    row = select(timekeeping.Timekeeping.seen_at)
    ask(app)
    first = db.session.scalar(row)
    db.session.rollback()
    keep_time()
    assert db.session.scalar(row) == first, "not at every look"
    db.session.rollback()
    timekeeping._process.noted -= timekeeping.EVERY
    keep_time()
    assert db.session.scalar(row) > first
