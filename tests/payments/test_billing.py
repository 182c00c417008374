"""A member's billing pages, the portal, the mails about her card, and what the doctor finds."""

from datetime import timedelta
from typing import Any

import pytest

from kit import clock
from kit.database import db
from membership.models import Account
from payments.models import Customer
from tests.payments.readers import subscribe, subscription_of

pytestmark = pytest.mark.usefixtures("on_sale")


@pytest.fixture
def account_id(visit: Any, make_account: Any, sandbox: Any, deliver: Any) -> int:
    """A reader who pays by the month."""
    found = (account := make_account("ann@reader.example")).id
    subscribe(visit, sandbox, deliver, account)
    return found


def test_the_portal_is_hers(account_id: int, visit: Any, sandbox: Any) -> None:
    customer_id = subscription_of(account_id).customer_id
    answer = visit(db.session.get(Account, account_id)).post("/account/billing")
    assert answer.status == 303
    assert answer.headers["Location"].startswith(sandbox.url)
    asked = [one for one in sandbox.requests if one["path"] == "/v1/billing_portal/sessions"]
    assert asked[-1]["params"]["customer"] == customer_id


def test_who_never_paid_is_shown_the_plans(visit: Any, make_account: Any) -> None:
    answer = visit(make_account()).post("/account/billing")
    assert (answer.status, answer.location) == (303, "/subscribe")


def test_stripe_away_changes_nothing_and_says_so(account_id: int, visit: Any, sandbox: Any) -> None:
    browser = visit(db.session.get(Account, account_id))
    browser.get("/account/cancel")
    sandbox.faults(status={"500": 1.0})
    page = browser.submit("/account/cancel")
    assert (page.status, "does not answer just now" in page.text) == (503, True)
    sandbox.faults()
    assert subscription_of(account_id).ends_at is None


def test_nothing_to_cancel(visit: Any, make_account: Any, sandbox: Any) -> None:
    browser = visit(make_account())
    assert "You have no subscription" in browser.get("/account/cancel").text
    assert browser.post("/account/cancel").status == 303
    assert browser.post("/account/cancel/undo").status == 303


def test_why_she_left_is_told_to_stripe_and_odd_reasons_are_not(account_id: int, visit: Any, sandbox: Any) -> None:
    browser = visit(db.session.get(Account, account_id))
    browser.get("/account/cancel")
    page = browser.submit("/account/cancel", reason="<script>", comment="Too far." + "x" * 600)
    assert page.status == 422
    assert page.form("/account/cancel").fields["comment"] == "Too far." + "x" * 600, "what was typed is kept"
    assert "At most 500 characters" in page.errors()["comment"]
    assert sandbox.get(subscription_of(account_id).id)["cancel_at_period_end"] is False
    browser.submit("/account/cancel", reason="too_expensive", comment="Too\x00 far.\x1b")
    details = sandbox.get(subscription_of(account_id).id)["cancellation_details"]
    assert (details["feedback"], details["comment"]) == ("too_expensive", "Too far.")


def test_a_failed_renewal_is_written_about_once(account_id: int, sandbox: Any, deliver: Any, outbox: Any) -> None:
    import time_machine

    sandbox.portal_replace_card(subscription_of(account_id).customer_id, "4000000000000341")
    deliver()
    from datetime import UTC, datetime, timedelta

    with time_machine.travel(datetime.now(UTC) + timedelta(days=32), tick=True):
        sandbox.tick()
        told = sandbox.take_deliveries()
        deliver(deliveries=[*told, *told])
        mails = [mail for mail in outbox() if "did not go through" in mail.subject]
    assert [mail.recipient for mail in mails] == ["ann@reader.example"]
    assert "$5.00" in mails[0].text


def test_the_doctor_names_what_is_wrong(app: Any, sandbox: Any) -> None:
    import json

    db.session.rollback()
    found = json.loads(app.test_cli_runner().invoke(args=["doctor", "--json"]).stdout)
    assert {name: found[name] for name in ("webhooks parked", "webhooks waiting", "paying twice", "plans on sale")} == {
        "webhooks parked": "ok",
        "webhooks waiting": "ok",
        "paying twice": "ok",
        "plans on sale": "ok",
    }


def test_the_portal_is_of_the_one_who_subscribes_not_of_a_guest_she_was_later(account_id: int, visit: Any, sandbox: Any) -> None:
    """Signed out, she gave each month under the same address: Checkout made another Customer, which she has claimed."""
    subscriber = subscription_of(account_id).customer_id
    db.session.add(Customer(id="cus_guest", account_id=account_id, created_at=clock.now() + timedelta(days=1)))
    db.session.commit()
    visit(db.session.get(Account, account_id)).post("/account/billing")
    asked = [one for one in sandbox.requests if one["path"] == "/v1/billing_portal/sessions"]
    assert asked[-1]["params"]["customer"] == subscriber
