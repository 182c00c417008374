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
from sandbox import Sandbox, check
from tests.conftest import WEBHOOK_SECRET

CLI = check.find_cli()

# Of every family that this product listens to; `make sandbox-check` runs them all against the sandbox alone.
TRIGGERS = """
checkout.session.completed checkout.session.async_payment_succeeded checkout.session.async_payment_failed checkout.session.expired
customer.created customer.updated customer.deleted customer.subscription.created customer.subscription.updated
customer.subscription.deleted customer.subscription.paused customer.subscription.trial_will_end
invoice.created invoice.finalized invoice.paid invoice.payment_succeeded invoice.payment_failed invoice.payment_action_required
invoice.updated invoice.voided charge.succeeded charge.failed charge.captured charge.refunded charge.dispute.created charge.dispute.closed
payment_intent.created payment_intent.succeeded payment_intent.payment_failed payment_intent.canceled payment_intent.requires_action
product.created product.updated price.created price.updated subscription.payment_succeeded subscription.payment_failed
""".split()


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
    assert len(TRIGGERS) >= 25
    problems: dict[str, Any] = {}
    for event in TRIGGERS:
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
