"""C03: a worker that is stopped (SIGSTOP) in the midst of its look, longer than its lease, and goes on later."""

import os
import signal
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from kit import clock, jobs
from kit.database import db
from payments import gateway, journal
from payments.models import Lease, StripeEvent
from tests.crash import parts
from tests.payments.readers import put_on_sale, subscribe, subscription_of
from tests.waiting import until

pytestmark = [pytest.mark.slow]


def test_C03_a_stopped_worker_s_late_commit_is_rejected(
    app: Flask, visit: Any, make_account: Any, sandbox: Any, deliver: Any, tmp_path: Path
) -> None:
    """It has asked and is stopped before it reads the answer. Stripe goes on, another worker looks and writes, and it wakes up."""
    put_on_sale(sandbox)
    account_id = (account := make_account()).id
    subscription_id = subscribe(visit, sandbox, deliver, account)
    customer_id = subscription_of(account_id).customer_id
    api = gateway.client().v1.subscriptions
    api.update(subscription_id, {"cancel_at_period_end": True})
    db.session.rollback()
    path, before = f"/v1/subscriptions/{subscription_id}", len(sandbox.requests)
    settings = parts.environment(app.config["DATABASE_URL"], sandbox.url, parts.free_port(), "")
    stopped = parts.worker(settings, tmp_path)
    try:
        until(stopped.up, what="the worker")
        with sandbox.world.lock:  # Stripe has heard the question, and takes its time
            deliver(jobs_too=False)
            until(lambda: any(one["path"] == path for one in sandbox.requests[before:]), what="its question")
            os.kill(stopped.process.pid, signal.SIGSTOP)
        until(lambda: sandbox.requests[-1]["status"] == 200, what="the answer that nobody reads")
        db.session.execute(sa.update(Lease).values(leased_until=clock.now() - timedelta(seconds=1)))
        db.session.commit()
        api.update(subscription_id, {"cancel_at_period_end": False})
        deliver(jobs_too=False)
        assert journal.apply("", customer_id) >= 2
        db.session.commit()
        assert subscription_of(account_id).ends_at is None
        db.session.rollback()
        os.kill(stopped.process.pid, signal.SIGCONT)
        until(lambda: not jobs.client().list_workflows(status=["PENDING"]), what="the end of its job")
        assert "LeaseLost" in stopped.log.read_text()
        db.session.rollback()
        assert set(db.session.scalars(sa.select(StripeEvent.state))) <= {"done", "ignored"}
        assert subscription_of(account_id).ends_at is None, "what it saw, an end, is not written"
    finally:
        db.session.remove()
        if stopped.process.poll() is None:
            os.kill(stopped.process.pid, signal.SIGCONT)
        stopped.stop()
