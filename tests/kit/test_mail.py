"""Mail: written with its cause, sent once, refused for good only when the server says so for good."""

import smtplib
import socket
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope, Session
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from kit import clock, jobs, mail, transport
from kit.database import db
from kit.mail import OutboxMail, message, queue_mail


class Sink:
    """A mail server on loopback that says what it is told to say."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.accepted: list[Envelope] = []
        self.say: list[str] = []
        self.say_of_sender: list[str] = []

    async def handle_MAIL(self, _server: Any, _session: Session, envelope: Envelope, address: str, _options: list[str]) -> str:
        envelope.mail_from = address
        return self.say_of_sender.pop(0) if self.say_of_sender else "250 OK"

    async def handle_DATA(self, _server: Any, _session: Session, envelope: Envelope) -> str:
        answer = self.say.pop(0) if self.say else "250 OK"
        if answer.startswith("250"):
            self.accepted.append(envelope)
        return answer


@pytest.fixture
def sink(app: Flask) -> Iterator[Sink]:
    with socket.socket() as free:  # aiosmtpd knocks on the port that it was given, so it must be a real one
        free.bind(("127.0.0.1", 0))
        handler = Sink(free.getsockname()[1])
    controller = Controller(handler, hostname="127.0.0.1", port=handler.port)
    controller.start()
    app.extensions["mail_transport"] = transport.Smtp(f"smtp://127.0.0.1:{handler.port}")
    yield handler
    controller.stop()


def row(key: str) -> OutboxMail:
    db.session.rollback()
    return db.session.scalars(select(OutboxMail).where(OutboxMail.key == key)).one()


def test_a_rolled_back_cause_sends_nothing(app: Flask, drain: Callable[..., int]) -> None:
    queue_mail("ann@reader.example", "Hello", "Hello\n", key="k")
    db.session.rollback()
    assert drain() == 0
    assert app.extensions["sent_mail"] == []


def test_the_same_fact_is_told_once(app: Flask, drain: Callable[..., int]) -> None:
    assert queue_mail("ann@reader.example", "Hello", "Hello\n", key="k") is True
    db.session.commit()
    assert queue_mail("ann@reader.example", "Hello again", "Hello\n", key="k") is False
    db.session.commit()
    drain()
    assert [mail["Subject"] for mail in app.extensions["sent_mail"]] == ["Hello"]


def test_it_reaches_a_server_with_text_and_html(app: Flask, sink: Sink, drain: Callable[..., int]) -> None:
    queue_mail("ann@reader.example", "Grüße", "Text\n", "<p>HTML</p>", key="k", headers={"List-Unsubscribe": "<https://x.example/u>"})
    db.session.commit()
    drain()
    content = sink.accepted[0].content or b""
    assert b"multipart/alternative" in content
    assert b"List-Unsubscribe" in content
    assert row("k").state == "sent"


def test_a_passing_refusal_is_tried_again_and_a_lasting_one_is_kept(app: Flask, sink: Sink, drain: Callable[..., int]) -> None:
    queue_mail("ann@reader.example", "Hello", "Hello\n", key="k")
    db.session.commit()
    sink.say = ["451 try later"]
    with pytest.raises(smtplib.SMTPDataError):
        drain()
    assert (row("k").state, row("k").attempts) == ("queued", 1)
    sink.say = ["550 no such person"]
    drain(failing=True)
    assert row("k").state == "refused"
    assert "550" in (row("k").last_error or "")


def test_what_a_server_has_against_us_is_no_fault_of_the_mail(app: Flask, sink: Sink, drain: Callable[..., int]) -> None:
    """A password that was changed, an address of ours that it does not know: mended by us, and then the mail goes."""
    queue_mail("ann@reader.example", "Hello", "Hello\n", key="k")
    db.session.commit()
    known = app.extensions["mail_transport"]
    app.extensions["mail_transport"] = transport.Smtp(f"smtp://us:old-password@127.0.0.1:{sink.port}")
    with pytest.raises(smtplib.SMTPException):
        drain()
    app.extensions["mail_transport"] = known
    sink.say_of_sender = ["550 who are you"]
    with pytest.raises(smtplib.SMTPSenderRefused):
        drain()
    assert (row("k").state, row("k").attempts) == ("queued", 2)
    drain()
    assert (row("k").state, len(sink.accepted)) == ("sent", 1)


def test_a_mail_whose_job_was_lost_is_queued_anew(app: Flask, sink: Sink, drain: Callable[..., int]) -> None:
    queue_mail("ann@reader.example", "Hello", "Hello\n", key="k")
    db.session.commit()
    with time_machine.travel(clock.now() + timedelta(hours=2)):
        assert "1 mails have waited" in mail.waiting()
        db.session.rollback()
        jobs.run(app, "mail.find_lost", [])
        assert len(jobs.waiting(app)) == 1, "its job is there: a second one might send it twice"
        sink.say = ["451 try later"]
        drain(failing=True)  # and nothing queues it again
        assert row("k").state == "queued"
        db.session.rollback()  # the engine looks through a connection of its own, and SQLite's one writer would be us
        assert jobs.waiting(app) == []
        for _ in range(2):
            jobs.run(app, "mail.find_lost", [])
        drain()
    assert (row("k").state, len(sink.accepted)) == ("sent", 1)
    assert mail.waiting() == "ok"


@given(text=st.text(max_size=60))
def test_no_text_can_add_a_header(apps: Callable[[str], Flask], text: str) -> None:
    with apps("sqlite").app_context():
        queue_mail("ann@reader.example", f"Hi {text}", "Hello\n", key="header", headers={"X-Name": text})
        made = message(db.session.scalars(select(OutboxMail).where(OutboxMail.key == "header")).one())
        db.session.rollback()
    names = {
        "From",
        "To",
        "Subject",
        "Message-ID",
        "Auto-Submitted",
        "X-Name",
        "Content-Type",
        "Content-Transfer-Encoding",
        "MIME-Version",
        "Date",
    }
    assert set(made.keys()) <= names
    assert len(made.get_all("X-Name") or []) == 1
