"""C04, C13: two schedulers, eight writers, a deadlock."""

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
import time_machine
from flask import Flask

from kit import jobs
from kit.database import db
from payments.models import Contribution, StripeEvent
from payments.webhooks import HANDLERS
from payments.webhooks.handler import Handler
from publishing.models import NewsletterIssue
from publishing.newsletter import issues
from tests.payments.readers import entitled, put_on_sale
from tests.scenarios.rows import APPLIED, GIVEN, count, event_of, knock, states
from tests.waiting import until


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """What each answered; all of them began together. An exception is an answer too."""
    barrier, answers = threading.Barrier(len(acts)), [None] * len(acts)

    def run(index: int, act: Callable[[], Any]) -> None:
        barrier.wait()
        try:
            answers[index] = act()
        except Exception as error:  # noqa: BLE001 - the test looks at it
            answers[index] = error

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_C04_two_schedulers_make_one_issue_a_day(app: Flask, make_article: Any) -> None:
    with time_machine.travel("2026-11-22 12:00:00+00:00", tick=True):  # seven in the morning, New York
        make_article()
        issues.switch(True, "editor@desk.example")
        db.session.commit()
        db.session.remove()
        answers = at_once(*[lambda: jobs.run(app, "newsletter.daily", [])] * 4)
        failed = [one for one in answers if one is not None]
        assert all(isinstance(one, sa.exc.IntegrityError) for one in failed), failed
        jobs.run(app, "newsletter.daily", [])  # a failed one is tried again
    assert count(NewsletterIssue) == 1
    assert len([name for _, name, _ in jobs.waiting(app) if name == "newsletter.deliver"]) == 1


def test_C13_eight_writers_at_once_and_nobody_is_refused(app: Flask, visit: Any, sandbox: Any, drain: Any, deliver: Any) -> None:
    put_on_sale(sandbox)
    browsers = [visit() for _ in range(4)]
    forms = []
    for browser in browsers:
        browser.get("/contribute")
        forms.append(browser.page.form("/contribute/checkout"))
    db.session.remove()

    def gives(number: int) -> Callable[[], list[int]]:
        fields = {**forms[number].fields, **GIVEN, "email": f"gus{number}@guest.example"}
        client, where = browsers[number].client, {"REMOTE_ADDR": f"127.2.0.{number}"}
        return lambda: [client.post(forms[number].action, data=fields, environ_base=where).status_code]

    def tells(number: int) -> Callable[[], list[int]]:
        bodies = [json.dumps({**event_of(n), "id": f"evt_{number}_{n}"}).encode() for n in range(10)]
        client = app.test_client()
        return lambda: [knock(client, body) for body in bodies]

    answers = at_once(*[gives(n) for n in range(4)], *[tells(n) for n in range(4)])
    assert answers == [[303]] * 4 + [[200] * 10] * 4
    assert (count(Contribution), count(StripeEvent)) == (4, 40)


def test_C13_a_deadlock_is_an_attempt_and_not_a_loss(
    told: Any, app: Flask, deliver: Any, drain: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL ends one of two that wait for each other: its job does all of it again."""
    if db.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer: two never wait for each other")
    account_id, deliveries = told
    real = HANDLERS["customer.subscription.created"]
    crossed: list[str] = []
    theirs, ours = "select pg_advisory_xact_lock(71)", "select pg_advisory_xact_lock(72)"

    def write(seen: Any) -> Any:
        if not crossed:
            crossed.append("once")
            db.session.execute(sa.text("set local deadlock_timeout = '50ms'"))
            db.session.execute(sa.text(ours))
            held, go = threading.Event(), threading.Event()
            apart = sa.create_engine(db.engine.url, poolclass=sa.NullPool)

            def other() -> None:
                with apart.begin() as connection:
                    connection.execute(sa.text("set local deadlock_timeout = '60s'"))
                    connection.execute(sa.text(theirs))
                    held.set()
                    go.wait(10)
                    connection.execute(sa.text(ours))

            thread = threading.Thread(target=other)
            thread.start()
            assert held.wait(10)
            go.set()
            until(lambda: waits(apart), what="the other to wait")
            try:
                db.session.execute(sa.text(theirs))
            finally:
                db.session.rollback()
                thread.join()
        return real.write(seen)

    def waits(engine: Any) -> bool:
        with engine.connect() as connection:
            return bool(connection.scalar(sa.text("select count(*) from pg_locks where locktype = 'advisory' and not granted")))

    monkeypatch.setitem(HANDLERS, "customer.subscription.created", Handler(real.look, write))
    deliver(deliveries=deliveries, jobs_too=False)
    ((_, name, args),) = jobs.waiting(app)
    with pytest.raises(sa.exc.OperationalError, match="deadlock"):
        jobs.run(app, name, args)
    assert (crossed, entitled(account_id), states()) == (["once"], False, {"new", "ignored"})
    jobs.run(app, name, args)
    assert (entitled(account_id), states()) == (True, APPLIED)
