"""The engine itself: jobs exist only with their cause, survive kill -9, and drain on SIGTERM."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from flask import Flask
from sqlalchemy import func, select, text

from kit import clock, engine, jobs
from kit.database import db
from kit.mail import OutboxMail, queue_mail
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]


@jobs.job("tests.note")
def note(word: str) -> None:
    db.session.execute(text("insert into rate_count (key, hits, expires_at) values (:key, 1, 0)"), {"key": word})
    db.session.commit()


def notes() -> int:
    found = db.session.scalar(text("select count(*) from rate_count where key like 'note-%'")) or 0
    db.session.rollback()
    return found


def test_a_job_exists_only_if_its_cause_commits(app: Flask) -> None:
    jobs.enqueue("tests.note", "note-1", key="a")
    db.session.rollback()
    assert jobs.waiting(app) == []
    jobs.enqueue("tests.note", "note-1", key="a")
    db.session.commit()
    assert [entry[1:] for entry in jobs.waiting(app)] == [("tests.note", ["note-1"])]


def test_the_same_key_is_queued_once_for_ever(app: Flask, drain: Any) -> None:
    for _ in range(3):
        jobs.enqueue("tests.note", "note-1", key="a")
        db.session.commit()
    assert drain() == 1
    jobs.enqueue("tests.note", "note-1", key="a")
    db.session.commit()
    assert drain() == 0
    assert notes() == 1


def test_an_unknown_job_is_refused_at_once(app: Flask) -> None:
    with pytest.raises(LookupError):
        jobs.enqueue("tests.nobody")


def test_a_failing_job_leaves_nothing_half_done(app: Flask) -> None:
    @jobs.job("tests.breaks")
    def breaks() -> None:
        db.session.execute(text("insert into rate_count (key, hits, expires_at) values ('note-x', 1, 0)"))
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError):
        jobs.run(app, "tests.breaks", [])
    assert notes() == 0


@pytest.fixture
def worker(app: Flask) -> Iterator[Any]:
    """``worker()`` starts a real worker process on the test's database."""
    running: list[subprocess.Popen[bytes]] = []

    def start(name: str = "suite-1") -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            "APP_ENV": "development",
            "DATABASE_URL": app.config["DATABASE_URL"],
            "SECRET_KEY": app.config["SECRET_KEY"],
            "JOB_RETRY_SECONDS": app.config.get("TEST_RETRY_SECONDS", "0.05"),
            "WELLSPRING_WORKER": name,
            "SMTP_URL": app.config.get("TEST_SMTP_URL", "console:"),
            "LOG_LEVEL": "INFO",
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "flask", "--app", "app", "worker", "--polling", "0.05"],
            cwd=ROOT,
            env=environment,
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


def sent() -> int:
    found = db.session.scalar(select(func.count()).select_from(OutboxMail).where(OutboxMail.state == "sent")) or 0
    db.session.rollback()  # outside a request a transaction begins as a writer's: SQLite's only one
    return found


def write_mails(count: int, start: int = 0) -> None:
    for number in range(start, start + count):
        queue_mail(f"r{number}@reader.example", "Hello", "Hello\n", key=f"hello:{number}")
    db.session.commit()


class Slow:
    """A mail server that takes a mail when it is told to."""

    def __init__(self) -> None:
        self.asked, self.go = threading.Event(), threading.Event()

    async def handle_DATA(self, _server: Any, _session: Any, _envelope: Any) -> str:
        self.asked.set()
        await asyncio.to_thread(self.go.wait, 60)
        return "250 taken"


@pytest.mark.slow
def test_a_worker_that_is_told_to_stop_finishes_what_it_began_and_begins_nothing(
    app: Flask, worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Controller(slow := Slow(), hostname="127.0.0.1", port=port)
    server.start()
    try:
        monkeypatch.setitem(app.config, "TEST_SMTP_URL", f"smtp://127.0.0.1:{port}")
        write_mails(1)
        process = worker()
        assert slow.asked.wait(60), "the worker hands its mail over"
        process.send_signal(signal.SIGTERM)
        write_mails(1, start=1)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=1)
        slow.go.set()
        assert process.wait(timeout=30) == 0
    finally:
        slow.go.set()
        server.stop()
    told = db.session.execute(select(OutboxMail.state, OutboxMail.attempts).order_by(OutboxMail.id)).all()
    db.session.rollback()
    assert [tuple(row) for row in told] == [("sent", 1), ("queued", 0)]


@pytest.mark.slow
def test_a_killed_workers_jobs_are_finished_after_its_restart(app: Flask, worker: Any) -> None:
    write_mails(60)
    for round_ in range(3):
        process = worker()
        until(lambda round_=round_: sent() > round_ * 5, what="some mails")
        process.kill()
        process.wait()
    worker()
    until(lambda: sent() == 60, what="all mails")
    attempts = db.session.scalar(select(func.max(OutboxMail.attempts)))
    db.session.rollback()
    assert attempts == 1  # each was sent by exactly one committed transaction


@pytest.mark.slow
def test_the_jobs_of_a_machine_that_is_gone_are_taken_over(app: Flask, worker: Any) -> None:
    write_mails(1)
    schema = "" if db.engine.dialect.name == "sqlite" else "dbos."
    db.session.execute(text(f"update {schema}workflow_status set status = 'PENDING', executor_id = 'gone', created_at = 1, updated_at = 1"))
    db.session.commit()
    worker("here")
    until(lambda: sent() == 1, seconds=90, what="the take-over")


@pytest.mark.slow
def test_jobs_that_must_wait_keep_nobody_else_waiting(app: Flask, worker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mail server is down for the night: more mails wait than the worker has places, and other work goes on."""
    monkeypatch.setitem(app.config, "TEST_SMTP_URL", "smtp://127.0.0.1:9?timeout=1")
    monkeypatch.setitem(app.config, "TEST_RETRY_SECONDS", "120")
    write_mails(8)
    jobs.enqueue("jobs.sweep", key="other work")
    db.session.commit()
    worker()
    schema = "" if db.engine.dialect.name == "sqlite" else "dbos."
    done = text(f"select count(*) from {schema}workflow_status where workflow_uuid = 'jobs.sweep:other work' and status = 'SUCCESS'")

    def other_work_is_done() -> bool:
        found = db.session.scalar(done)
        db.session.rollback()
        return found == 1

    until(other_work_is_done, seconds=60, what="the job behind eight mails that cannot be sent")


@pytest.mark.slow
def test_a_job_that_fails_is_tried_again_and_keeps_its_key(app: Flask, worker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.config, "TEST_SMTP_URL", "smtp://127.0.0.1:9?timeout=1")
    write_mails(1)
    process = worker()

    def tried(times: int) -> bool:
        found = db.session.scalar(select(OutboxMail.attempts))
        db.session.rollback()
        return found >= times

    until(lambda: tried(3), seconds=60, what="three attempts")
    process.kill()
    process.wait()
    monkeypatch.setitem(app.config, "TEST_SMTP_URL", "console:")
    jobs.enqueue("mail.send", "hello:0", key="hello:0")  # refused: what goes on is still that job
    db.session.commit()
    before = len(jobs.client().list_workflows(workflow_id_prefix="mail.send:hello:0"))
    assert before >= 3
    worker()
    until(lambda: sent() == 1, seconds=60, what="the mail, once the server is back")
    assert not [flow for flow in jobs.client().list_workflows(workflow_id_prefix="mail.send:hello:0") if flow.status == "ERROR"]


def test_a_job_of_a_living_machine_is_left_to_it_however_long_it_was_queued(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    write_mails(1)
    schema = "" if db.engine.dialect.name == "sqlite" else "dbos."
    now = int(clock.now().timestamp() * 1000)
    db.session.execute(
        text(f"update {schema}workflow_status set status = 'PENDING', executor_id = 'there', created_at = 1, started_at_epoch_ms = {now}")
    )
    db.session.commit()

    with app.app_context(), engine.engine(app):
        assert engine.reclaim(app) == 0


def test_the_doctor_names_jobs_that_were_given_up_within_a_week(app: Flask) -> None:
    assert jobs.given_up() == "ok"
    jobs.enqueue("jobs.sweep", key="one")
    jobs.enqueue("mail.send", "nobody", key="two")
    db.session.commit()
    schema = "" if db.engine.dialect.name == "sqlite" else "dbos."
    db.session.execute(text(f"update {schema}workflow_status set status = 'ERROR' where workflow_uuid = 'mail.send:two'"))
    db.session.commit()
    assert jobs.given_up() == "1 given up within a week (mail.send): the log says why (job given up)"
    db.session.rollback()
    db.session.execute(text(f"update {schema}workflow_status set created_at = created_at - 8 * 86400000"))
    db.session.commit()
    assert jobs.given_up() == "ok"


def test_the_looks_go_on_after_one_that_could_not_even_begin(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without memory nothing can be done, not even be logged; with memory again the worker must not only look alive."""
    looked: list[int] = []
    monkeypatch.setitem(jobs._watches, "tests.look", lambda: looked.append(1) or 0)
    real, failures = app.app_context, [MemoryError(), MemoryError()]

    def context() -> Any:
        if failures:
            raise failures.pop()
        return real()

    monkeypatch.setattr(app, "app_context", context)
    with engine._watching(app, 0.01):
        until(lambda: looked, what="a look")
    assert failures == []
