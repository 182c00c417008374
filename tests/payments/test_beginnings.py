"""What has not begun is not invisible: a subscription that waits for a gift's end, a first payment that is on its way or came back."""

from datetime import UTC, datetime
from typing import Any

import pytest

from kit.database import db
from membership.models import Account
from payments import checkout, gateway
from payments.models import Plan
from tests.payments.readers import described, press, subscribe, subscription_of
from tests.payments.test_trials import booked, give

GOOD_ACCOUNT, BOUNCES = "DE89370400440532013000", "DE62370400440532013001"


pytestmark = pytest.mark.usefixtures("on_sale")


def browser(visit: Any, account_id: int) -> Any:
    db.session.rollback()
    return visit(db.session.get_one(Account, account_id))


# --- a gift first -----------------------------------------------------------------------------------------------------


@pytest.fixture
def waiting(visit: Any, make_account: Any, sandbox: Any, deliver: Any) -> int:
    """Somebody who reads with a gift for ten days more and has subscribed: her first payment is on that day."""
    account_id = make_account("ann@reader.example").id
    give(account_id, 10)
    subscribe(visit, sandbox, deliver, db.session.get_one(Account, account_id))
    return account_id


def test_what_waits_for_a_gift_is_said_and_can_be_left(waiting: int, visit: Any, deliver: Any, later: Any) -> None:
    her = browser(visit, waiting)
    page = her.get("/account/")
    assert "your subscription begins" in page.text
    assert "It then costs $5.00 every month, charged to your Visa card ending in 4242." in page.text
    assert "/account/cancel" in page.links()
    assert "See what a membership costs" not in page.text
    assert "/account/pause" not in page.links(), "there is nothing yet to be paused"
    assert "Your subscription begins on" in her.get("/subscribe").text
    her.get("/account/cancel")
    assert her.submit("/account/cancel").status == 303
    deliver()
    page = her.get("/account/")
    assert "You canceled; nothing will be charged" in page.text
    assert "Stay a member after all" in page.text
    later(12)
    assert (booked(), described(waiting)["status"]) == (0, "lapsed")


def test_it_is_announced_as_a_gift_s_end_and_no_trial(waiting: int, visit: Any, later: Any, outbox: Any, remind: Any) -> None:
    later(8)
    remind()
    (mail,) = [mail for mail in outbox() if "ends on" in mail.subject]
    assert "Your gift" in mail.subject
    assert "trial" not in (mail.subject + mail.text).lower()
    assert "we charge $5.00 to your Visa card ending in 4242" in mail.text
    assert "/account/cancel" in browser(visit, waiting).get("/account/").links(), "where the mail leads she can do what it says"


# --- the first payment ------------------------------------------------------------------------------------------------


def test_a_first_debit_under_way_is_said(visit: Any, make_account: Any, sandbox: Any, deliver: Any) -> None:
    account_id = (account := make_account("ann@reader.example")).id
    session_id = press(visit(account))
    sandbox.freeze(int(datetime.now(UTC).timestamp()))
    sandbox.get(session_id)["payment_method_types"] = ["sepa_debit"]
    sandbox.pay(session_id, iban=GOOD_ACCOUNT)
    db.session.rollback()
    checkout.sync(session_id)
    db.session.commit()
    her = browser(visit, account_id)
    page = her.get("/account/")
    assert "Your first payment of $5.00 is on its way" in page.text
    assert "See what a membership costs" not in page.text, "she has bought it"
    assert "Your account page says why" in her.get("/subscribe").text
    assert described(account_id)["status"] == "none"


def test_a_first_debit_that_came_back_is_said_with_the_way_to_pay(visit: Any, make_account: Any, sandbox: Any, deliver: Any) -> None:
    account_id = (account := make_account("ann@reader.example")).id
    session_id = press(visit(account))
    sandbox.get(session_id)["payment_method_types"] = ["sepa_debit"]
    sandbox.pay(session_id, iban=BOUNCES)
    sandbox.advance(5)  # a debit's outcome comes a moment later
    deliver()
    row = subscription_of(account_id)
    assert (row.status, row.invoice_status) == ("past_due", "open")
    page = browser(visit, account_id).get("/account/")
    assert "Your first payment of $5.00 did not go through, so your membership has not begun." in page.text
    assert row.invoice_url in page.links()
    assert "See what a membership costs" not in page.text


def test_a_first_payment_about_which_the_bank_asks(visit: Any, make_account: Any, sandbox: Any, deliver: Any) -> None:
    account_id = (account := make_account("ann@reader.example")).id
    public_id, price_id = account.public_id, db.session.get_one(Plan, "reader-monthly").price_id
    db.session.rollback()
    api = gateway.client().v1
    customer = api.customers.create({"email": "ann@reader.example", "metadata": {"account": public_id}})
    method = api.payment_methods.attach("pm_card_authenticationRequired", {"customer": customer.id})
    api.subscriptions.create(
        {
            "customer": customer.id,
            "items": [{"price": price_id}],
            "default_payment_method": method.id,
            "payment_behavior": "default_incomplete",
        }
    )
    deliver()
    row = subscription_of(account_id)
    assert row.status == "incomplete"
    page = browser(visit, account_id).get("/account/")
    assert "Your first payment of $5.00" in page.text
    assert row.invoice_url in page.links()
