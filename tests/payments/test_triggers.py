"""The official Stripe CLI's own scenarios, with the application listening: it takes every event and parks none."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from werkzeug.serving import make_server

from kit.database import db
from payments import gateway
from payments.models import StripeEvent
from payments.webhooks import HANDLERS
from sandbox import Sandbox, check
from tests.conftest import WEBHOOK_SECRET

CLI = check.find_cli()

# Stories of the CLI that are no event types, but end in events of ours.
STORIES = ("subscription.payment_succeeded", "subscription.payment_failed")
# One of each kind that comes in and is none of ours: it is acknowledged and ignored.
NOT_OURS = ("tax_rate.created", "coupon.created", "balance.available")


def ours(cli: Path, home: str) -> list[str]:
    """The CLI's triggers of events that this application handles; `make sandbox-check` runs all against the sandbox alone."""
    named = [event for event in check.triggers(cli, home) if check.outside(event) is None]
    return [event for event in named if event in HANDLERS or event in STORIES or event in NOT_OURS]


@pytest.fixture
def listening(app: Flask) -> Iterator[Sandbox]:
    """The sandbox, forwarding to the application behind a real server."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    stand_in = Sandbox(seed=1, webhook_secret=WEBHOOK_SECRET, forward_to=f"http://127.0.0.1:{server.server_port}/webhooks/stripe").start()
    app.config["STRIPE_API_BASE"] = stand_in.url
    gateway.forget_client()
    yield stand_in
    stand_in.stop()
    server.shutdown()
    thread.join()
    server.server_close()
    gateway.forget_client()


@pytest.mark.slow
@pytest.mark.skipif(CLI is None, reason="no Stripe CLI: npm install @stripe/cli, or set STRIPE_CLI")
def test_the_stripe_clis_triggers_with_the_application_listening(listening: Sandbox, drain: Callable[..., int], tmp_path: Path) -> None:
    assert CLI is not None
    triggers = ours(CLI, str(tmp_path))
    assert len(triggers) >= 40
    problems: dict[str, Any] = {}
    for event in triggers:
        db.session.rollback()  # SQLite's one writer is the server now
        problem = check.attempt(listening, CLI, event, str(tmp_path))
        if problem:
            problems[event] = problem
    assert problems == {}
    drain()
    states = dict(db.session.execute(select(StripeEvent.state, func.count()).group_by(StripeEvent.state)).all())
    faults = db.session.execute(select(StripeEvent.type, StripeEvent.last_error).where(StripeEvent.attempts > 0)).all()
    db.session.rollback()
    assert faults == []
    assert set(states) <= {"done", "ignored"}
    assert states["done"] >= 25
