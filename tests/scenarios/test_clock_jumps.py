"""C14: a clock that jumps, and what is left when it is right again."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask

from kit import clock, jobs
from kit.database import db
from tests.payments.readers import entitled, history, press, put_on_sale, subscribe

BY_THE_CLOCK = ["membership.sweep", "membership.renew", "payments.remind", "payments.sweep_calls", "payments.deliver_gifts",
                "payments.place_gifts", "jobs.sweep", "payments.check_invariants", "newsletter.daily", "payments.reconcile",
                "payments.reconcile_nightly", "payments.seal", "payments.listen", "payments.resolve_calls", "storage.check"]  # fmt: skip


@pytest.mark.parametrize("jump", [-400, -1 / 24, 1 / 24, 400], ids=["400 days back", "an hour back", "an hour on", "400 days on"])
def test_C14_a_clock_that_jumps_takes_nothing_that_stays_taken(
    app: Flask, visit: Any, make_account: Any, sandbox: Any, deliver: Any, later: Any, outbox: Any, drain: Any, jump: float
) -> None:
    """Who may read follows from instants, so when the clock is right again everybody reads; and what is compared with Stripe
    afterwards begins where it was left, not where the wrong clock was."""
    put_on_sale(sandbox)
    account_id = (account := make_account()).id
    subscribe(visit, sandbox, deliver, account)
    later(10)
    before, mails = history(account_id), len(outbox())
    sandbox.freeze(int(clock.now().timestamp()))  # it is our clock that jumps, not Stripe's
    with time_machine.travel(clock.now() + timedelta(days=jump), tick=True):
        assert visit().get("/").status == 200
        assert abs(jump) > 1 or entitled(account_id)
        for name in BY_THE_CLOCK:
            jobs.run(app, name, [])
    assert (entitled(account_id), history(account_id), len(outbox())) == (True, before, mails)
    db.session.rollback()
    unheard_id = (account := make_account()).id
    sandbox.pay(press(visit(account)))
    sandbox.take_deliveries()
    db.session.rollback()
    jobs.run(app, "payments.reconcile", [])
    drain()
    assert entitled(unheard_id)
