"""A change that is charged at once and whose payment does not come: nothing is called done, and the way to pay is shown."""

from typing import Any

import pytest
import stripe
from sqlalchemy import select

from kit.database import db
from membership.models import Account
from payments import gateway
from payments.models import Cancellation
from tests.payments.readers import subscribe, subscription_of

DECLINED, ASKS = "4000000000000341", "4000002760003184"


pytestmark = pytest.mark.usefixtures("on_sale")


@pytest.fixture(params=[DECLINED, ASKS], ids=["declined", "the bank asks"])
def reader(request: Any, visit: Any, make_account: Any, sandbox: Any, deliver: Any) -> tuple[int, str]:
    """(account id, card) of a reader by the month whose card has become one that does not simply pay."""
    account_id = (account := make_account("ann@reader.example")).id
    subscribe(visit, sandbox, deliver, account)
    sandbox.portal_replace_card(subscription_of(account_id).customer_id, request.param)
    deliver()
    return account_id, request.param


def browser(visit: Any, account_id: int) -> Any:
    db.session.rollback()
    return visit(db.session.get_one(Account, account_id))


def kept() -> list[str | None]:
    db.session.rollback()
    return list(db.session.scalars(select(Cancellation.offer_accepted)))


def test_the_yearly_offer_is_not_called_taken_before_it_is_paid(reader: Any, visit: Any, deliver: Any, outbox: Any) -> None:
    account_id, card = reader
    her = browser(visit, account_id)
    her.get("/account/cancel")
    answer = her.submit("/account/cancel", take="yearly", reason="too_expensive")
    assert (answer.status, answer.location) == (303, "/account/plan"), "the page that says what it waits for, and where it is paid"
    assert kept() == [], "nobody was kept by an offer that did not come about"
    row = subscription_of(account_id)
    assert row.plan_key == "reader-monthly"
    assert row.update_expires_at is not None
    page = her.get("/account/plan")
    assert "You pay by the year from now on" not in page.text
    assert "A change of plan waits for its payment" in page.text
    assert row.invoice_url in page.links()
    page = her.get("/account/")
    assert "Your change waits for its payment" in page.text
    assert row.invoice_url in page.links(), "her account leads there too"
    deliver()
    (mail,) = [mail for mail in outbox() if "change" in mail.subject]
    assert row.invoice_url
    assert row.invoice_url in mail.text
    assert ("Your bank asks" in mail.text) == (card == ASKS)


def test_seats_are_not_called_paid_before_they_are(reader: Any, visit: Any, deliver: Any) -> None:
    account_id, _ = reader
    her = browser(visit, account_id)
    page = her.get("/account/group")
    assert "Each seat costs $5.00 every month" in page.text
    assert "Today each seat more costs $5.00" in page.text
    assert her.submit("/account/group/seats", seats="5").location == "/account/group"
    page = her.get("/account/group")
    row = subscription_of(account_id)
    assert (row.quantity, row.update_expires_at is not None) == (1, True)
    assert "You pay for 5 seats now" not in page.text
    assert "wait for their payment" in page.text
    assert row.invoice_url in page.links()
    deliver()
    page = her.get("/account/group")
    assert row.invoice_url in page.links(), "and when Stripe has told it too"
    assert not [form for form in page.forms() if form.action.endswith("/seats")], "no second change beside the one that waits"


@pytest.mark.parametrize("card", [DECLINED, "4242424242424242"])
def test_who_changes_her_card_meanwhile_has_neither_paid_the_change_nor_fallen_behind(
    reader: Any, visit: Any, sandbox: Any, deliver: Any, outbox: Any, card: str
) -> None:
    account_id, _ = reader
    her = browser(visit, account_id)
    her.get("/account/cancel")
    her.submit("/account/cancel", take="yearly")
    deliver()
    row = subscription_of(account_id)
    customer_id, invoice_id = row.customer_id, row.invoice_id
    sandbox.portal_replace_card(customer_id, card)
    deliver()
    with pytest.raises(stripe.CardError):  # she tries the change's page once more, with a card that fails
        gateway.client().v1.invoices.pay(invoice_id, {"payment_method": "pm_card_chargeCustomerFail"})
    deliver()
    row = subscription_of(account_id)
    assert (row.status, row.plan_key, row.update_expires_at is not None) == ("active", "reader-monthly", True)
    assert not [mail.subject for mail in outbox() if "should have renewed" in mail.text]
    assert "did not go through on" not in her.get("/account/").text


def test_a_group_is_told_too(visit: Any, make_account: Any, sandbox: Any, deliver: Any) -> None:
    account_id = (account := make_account("ann@reader.example")).id
    subscribe(visit, sandbox, deliver, account)
    her = browser(visit, account_id)
    her.get("/account/group")
    her.submit("/account/group/seats", seats="3", follow=True)
    assert "You pay for 3 seats now." in her.page.text
    deliver()
    sandbox.portal_replace_card(subscription_of(account_id).customer_id, DECLINED)
    deliver()
    her.get("/account/group")
    page = her.submit("/account/group/seats", seats="8", follow=True)
    assert "You pay for 8 seats now." not in page.text
    assert "You pay for 3 seats; 0 taken or offered, 3 free." in page.text
    assert "wait for their payment" in page.text
