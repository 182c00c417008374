"""The application with a fault that the harness must find. Only the harness starts this, with CRASH_MUTANT set.

Nothing of the product reads that variable: the faults are put in from outside, here.
"""

import functools
import os
import queue
import signal
import threading
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import time_machine
from flask import Flask, Response, request
from sqlalchemy import event

import app as product
from kit import clock, database
from kit.database import db
from payments import gateway, journal
from payments.views import webhook
from tests.mutants import mutated

KEPT = ExitStack()  # never closed
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
        body = webhook._body(request.headers.get("Stripe-Signature"))
        secret = app.config["STRIPE_WEBHOOK_SECRET"]
        told = gateway.verified(body, request.headers.get("Stripe-Signature"), [secret], clock.now().timestamp())
        waiting.put((told, body.decode()))
        return Response("ok\n", 200, mimetype="text/plain")

    app.view_functions["webhook.receive"] = receive
    threading.Thread(target=write, daemon=True).start()


def apply_in_two_transactions(_app: Flask) -> None:
    """The events are marked done by one transaction, what was seen is written by the next."""
    look = journal._look

    def look_and_mark(wishes: list[Any]) -> list[tuple[Any, Any, int | None]]:
        seen = look(wishes)
        journal._done("", [wish.event_id for wish in wishes])
        db.session.commit()
        if any(wish.type == "charge.succeeded" for wish in wishes):
            fall("between")
        return seen

    journal._look = look_and_mark


def book_by_event(_app: Flask) -> None:
    """For as long as this process lives; see tests/mutants/money.py."""
    KEPT.enter_context(mutated("book-by-event"))


def clock_of_a_file(_app: Flask) -> None:
    """No fault of ours: the machine's clock is set, by as many days as the file says, whenever it says so."""
    file, over = Path(os.environ["CLOCK_FILE"]), threading.Event()
    travels: list[Any] = []

    def follow(said: float = 0.0) -> None:
        while not over.wait(0.05):
            wanted = float(file.read_text() or said)
            if wanted != said:
                while travels:
                    travels.pop().stop()
                travels.append(time_machine.travel(datetime.now(UTC) + timedelta(days=wanted), tick=True))
                travels[-1].start()
                said = wanted

    if wanted := float(file.read_text()):  # started with it
        travels.append(time_machine.travel(datetime.now(UTC) + timedelta(days=wanted), tick=True))
        travels[-1].start()
    threading.Thread(target=follow, args=(wanted,), daemon=True).start()


def commit_without_sync(app: Flask) -> None:
    """SQLite's own default in WAL: what was committed is on the disk a while later."""
    real = database.sqlite_pragmas

    def hasty(connection: Any, record: Any = None) -> None:
        real(connection, record)
        connection.execute("PRAGMA synchronous=NORMAL")

    database.sqlite_pragmas = hasty  # the webhook's own connections
    with app.app_context():
        event.listen(db.engine, "connect", hasty)


MUTANTS = {
    "clock-of-a-file": clock_of_a_file,
    "acknowledge-before-commit": acknowledge_before_commit,
    "apply-in-two-transactions": apply_in_two_transactions,
    "book-by-event": book_by_event,
    "commit-without-sync": commit_without_sync,
}


def create_app() -> Flask:
    app = product.create_app()
    MUTANTS[os.environ["CRASH_MUTANT"]](app)
    return app
