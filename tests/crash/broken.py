"""The application with a fault that the harness must find. Only the harness starts this, with CRASH_MUTANT set.

Nothing of the product reads that variable: the faults are put in from outside, here.
"""

import functools
import os
import queue
import secrets
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from flask import Flask, Response, request

import app as product
from kit import clock
from kit.database import db
from payments import gateway, journal
from payments.domain import ledger as facts
from payments.views import webhook

PAUSE = 1.0  # seconds: a window that few kills are enough to hit


def fall(window: str, times: int = 3) -> None:
    """SIGKILL to this very process inside the window, the first few times: chance would need many kills to hit it."""
    database = Path(os.environ["DATABASE_URL"].removeprefix("sqlite:///"))
    for number in range(times):
        try:
            database.with_suffix(f".{window}{number}").touch(exist_ok=False)
        except FileExistsError:
            continue
        os.kill(os.getpid(), signal.SIGKILL)


def acknowledge_before_commit(app: Flask) -> None:
    """2xx goes out while the event still waits in memory for its commit."""
    waiting: queue.Queue[tuple[dict[str, Any], str]] = queue.Queue()

    def write() -> None:
        while True:
            time.sleep(PAUSE)
            if not waiting.empty():
                fall("acknowledged")
            with app.app_context():
                while not waiting.empty():
                    journal.record(*waiting.get())
                    db.session.commit()

    @functools.wraps(webhook.receive)
    def receive() -> Response:
        body = webhook._body()
        secret = app.config["STRIPE_WEBHOOK_SECRET"]
        event = gateway.verified(body, request.headers.get("Stripe-Signature"), [secret], clock.now().timestamp())
        waiting.put((event, body.decode()))
        return Response("ok\n", 200, mimetype="text/plain")

    app.view_functions["webhook.receive"] = receive
    threading.Thread(target=write, daemon=True).start()


def apply_in_two_transactions(_app: Flask) -> None:
    """The events are marked done by one transaction, what was seen is written by the next."""
    look = journal._look

    def look_and_mark(wishes: list[Any]) -> list[tuple[Any, Any]]:
        seen = look(wishes)
        journal._done("", [event_id for event_id, _, _ in wishes])
        db.session.commit()
        if any(kind == "charge.succeeded" for _, _, kind in wishes):
            fall("between")
        return seen

    journal._look = look_and_mark


def book_by_event(_app: Flask) -> None:
    """A payment's key is of the look and not of the Charge, so each event that tells of it books it again."""
    payment_of = facts.payment_of

    def other_each_time(charge: Any) -> Any:
        fact = payment_of(charge)
        return fact and replace(fact, source_id=f"{fact.source_id}.{secrets.token_hex(4)}")

    facts.payment_of = other_each_time


MUTANTS = {
    "acknowledge-before-commit": acknowledge_before_commit,
    "apply-in-two-transactions": apply_in_two_transactions,
    "book-by-event": book_by_event,
}


def create_app() -> Flask:
    app = product.create_app()
    MUTANTS[os.environ["CRASH_MUTANT"]](app)
    return app
