"""She comes back from Checkout while a worker looks at the same Customer: an older look is never written over a newer one."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from kit import clock
from kit.database import db
from payments import call_jobs, gateway, journal, leases, resolutions, subscriptions
from payments.models import Customer, StripeEvent, Subscription
from tests.payments.givers import GUEST, contribute
from tests.payments.readers import back, press, put_on_sale


@pytest.fixture
def overtaken(sandbox: Any, deliver: Any, drain: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """``overtaken()``: the next look at a Subscription is slow. When it has looked, the Subscription is told to end, and a
    worker whom nobody holds up looks and writes before it does."""
    ask = subscriptions.look

    def arm() -> None:
        def slow(subscription_id: str) -> Any:
            seen = ask(subscription_id)
            monkeypatch.setattr(subscriptions, "look", ask)
            gateway.client().v1.subscriptions.update(subscription_id, {"cancel_at_period_end": True})
            deliver(jobs_too=False)
            try:
                journal.apply("", seen.found["customer"]["id"])
                db.session.commit()
            except leases.LeaseBusy:
                db.session.rollback()
            return seen

        monkeypatch.setattr(subscriptions, "look", slow)

    return arm


def ends() -> list[bool]:
    """Of each Subscription in our mirror: will it end? Everything that was told is applied by then."""
    db.session.rollback()
    assert set(db.session.scalars(select(StripeEvent.state))) <= {"done", "ignored"}
    return [row.ends_at is not None for row in db.session.scalars(select(Subscription))]


def test_a_guests_new_customer_is_held_while_her_page_looks(visit: Any, sandbox: Any, overtaken: Any, drain: Any) -> None:
    """Before she paid there was no Customer; what her page may write is the new one's."""
    browser = visit()
    url = contribute(browser, sandbox, frequency="month")
    overtaken()
    assert browser.get(url).status == 200
    drain()
    assert ends() == [True]


def test_the_sessions_customer_is_held_and_not_a_newer_one_of_hers(
    visit: Any, make_account: Any, sandbox: Any, overtaken: Any, drain: Any
) -> None:
    """While she was at Checkout she came by a second Customer: a guest's, whose contribution she claimed."""
    put_on_sale(sandbox)
    account_id = (account := make_account()).id
    browser = visit(account)
    url = sandbox.pay(press(browser))
    made = gateway.client().v1.customers.create({"email": "ann@reader.example"})
    db.session.add(Customer(id=made.id, account_id=account_id, created_at=clock.now() + timedelta(hours=1)))
    db.session.commit()
    overtaken()
    assert browser.get(back(url)).status == 200
    drain()
    assert ends() == [True]


def test_what_is_found_out_about_a_session_is_written_under_its_customers_lease(
    visit: Any, sandbox: Any, overtaken: Any, drain: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody heard Stripe's answer, and what the same key says again is how the Session was made: of nobody. It was paid meanwhile."""
    monkeypatch.setattr(resolutions, "PAUSE", timedelta(0))
    browser = visit()
    browser.get("/contribute")
    sandbox.faults(reset_after_commit=1.0, methods=["POST"], paths="checkout.sessions")
    assert browser.submit("/contribute/checkout", **{**GUEST, "frequency": "month"}).status == 503
    sandbox.faults()
    (session,) = sandbox.world.store.all("checkout.session")
    sandbox.pay(session["id"], email=GUEST["email"])
    overtaken()
    call_jobs.resolve_calls()
    drain()
    assert ends() == [True]
