"""Who is told when an event is given up."""

from typing import Any

from flask import Flask

from kit import clock
from kit.database import db
from payments import alarms
from payments.models import StripeEvent


def an_event(state: str) -> None:
    db.session.add(
        StripeEvent(
            account="",
            event_id="evt_1",
            type="invoice.paid",
            livemode=False,
            created=1,
            payload="{}",
            received_at=clock.now(),
            state=state,
            last_error="RuntimeError: a fault",
        )
    )
    db.session.commit()


def test_the_administrator_is_written_to_once(app: Flask, outbox: Any) -> None:
    app.config["ADMIN_EMAIL"] = "desk@ferrybell.example"
    try:
        an_event("parked")
        assert alarms.parked("", "evt_1") is True
        assert alarms.parked("", "evt_1") is False
        db.session.commit()
    finally:
        app.config["ADMIN_EMAIL"] = ""
    assert [(mail.recipient, "RuntimeError: a fault" in mail.text) for mail in outbox()] == [("desk@ferrybell.example", True)]


def test_nobody_is_told_of_what_still_waits_or_where_nobody_is_named(app: Flask) -> None:
    an_event("new")
    assert alarms.parked("", "evt_1") is False
