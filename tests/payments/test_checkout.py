"""Subscribing, from the plans on the page to the gate, whichever of redirect and webhook comes first."""

from collections.abc import Callable
from typing import Any

import pytest
from kit import clock
from kit.database import db
from membership import memberships
from membership.models import Account, Membership
from payments import plans
from payments.models import CheckoutIntent, Customer, Subscription
from sqlalchemy import select

Visit = Callable[..., Any]


@pytest.fixture
def on_sale(sandbox: Any) -> None:
    """The default plans, made at the sandbox."""
    terms = plans.wanted()
    plans.write(terms, plans.look(terms, create=True))
    db.session.commit()
    sandbox.take_deliveries()


def entitled(account_id: int) -> bool:
    db.session.rollback()
    return memberships.is_entitled(db.session.get(Membership, account_id), clock.now())


def begin(visit: Visit, account: Account, plan: str = "reader-monthly") -> tuple[Any, str]:
    """(her browser, the Session's id) after she pressed the button."""
    browser = visit(account)
    browser.get("/subscribe")
    answer = browser.post("/subscribe/checkout", {"plan": plan})
    assert answer.status == 303, answer.html
    db.session.rollback()
    session_id = db.session.scalars(select(CheckoutIntent.session_id).order_by(CheckoutIntent.created_at.desc())).first()
    assert session_id
    assert session_id in answer.headers["Location"]
    return browser, session_id


def test_redirect_first(visit: Visit, make_account: Any, sandbox: Any, on_sale: None, deliver: Any) -> None:
    account_id = (account := make_account("ann@reader.example")).id
    browser, session_id = begin(visit, account)
    url = sandbox.pay(session_id)
    assert not entitled(account_id)
    page = browser.get(url.removeprefix("http://localhost"))
    assert page.status == 200
    assert "Everything is open to you" in page.text
    assert entitled(account_id)
    assert set(deliver()) == {200}
    assert entitled(account_id)
