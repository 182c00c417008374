"""A Customer whom Stripe does not have (the demo's, or one that went with another account): said so, and nothing to try again."""

from datetime import timedelta
from typing import Any

import pytest

from kit import clock
from kit.database import db
from payments.models import Customer, Subscription
from tests.payments.readers import put_on_sale


@pytest.fixture(params=["demo_000007", "gone"])
def known(request: Any, visit: Any, make_account: Any, sandbox: Any) -> tuple[Any, bool]:
    """(her browser, simulated?) of a member of whom only our own tables know."""
    put_on_sale(sandbox)
    account, name, now = make_account(), request.param, clock.now()
    db.session.add(Customer(id=f"cus_{name}", account_id=account.id, created_at=now))
    db.session.flush()
    row = Subscription(
        id=f"sub_{name}", customer_id=f"cus_{name}", purpose="subscription", status="active", plan_key="reader-monthly",
        amount=500, currency="usd", interval="month", interval_count=1, mrr_720=500 * 720, started_at=now,
        period_start=now, period_end=now + timedelta(days=20), fetched_at=now,
    )  # fmt: skip
    db.session.add(row)
    db.session.commit()
    return visit(account), name != "gone"


@pytest.mark.parametrize("to", ["", "card"])
def test_the_portal_is_not_called_silent(known: tuple[Any, bool], to: str) -> None:
    browser, simulated = known
    page = browser.post("/account/billing", {"to": to})
    assert page.status == 409
    assert "does not answer" not in page.text
    assert ("A simulated reader has no page at Stripe" if simulated else "Stripe does not know this subscription") in page.text
    assert "Try again" not in page.text


def test_nor_can_it_be_ended_or_changed(known: tuple[Any, bool]) -> None:
    browser, simulated = known
    page = browser.post("/account/cancel", {})
    assert page.status == 409
    assert ("simulated reader" in page.text) == simulated
    page = browser.get("/account/plan")
    assert page.status == 200
    assert ("The demo invented this reader" in page.text) == simulated
