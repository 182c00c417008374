"""What a receipt says was bought: the plan and the seats of the invoice that was paid, whatever our mirror still says."""

import json
from typing import Any

import pytest
from sqlalchemy import select

from kit.database import db
from membership.models import Account
from payments import gateway
from payments.domain.bought import Bought, bought
from payments.models import Receipt
from tests.payments.readers import subscribe, subscription_of

pytestmark = pytest.mark.usefixtures("on_sale")


def newest() -> tuple[str, int]:
    db.session.rollback()
    receipt = db.session.scalars(select(Receipt).order_by(Receipt.id.desc()).limit(1)).one()
    return receipt.what.partition(": ")[2], receipt.amount


def test_a_change_that_waited_is_receipted_as_what_it_is(visit: Any, make_account: Any, sandbox: Any, deliver: Any) -> None:
    """The Charge is told before the Subscription's change, as it happens when somebody pays what waited."""
    account_id = (account := make_account()).id
    subscription_id = subscribe(visit, sandbox, deliver, account)
    sandbox.portal_replace_card(subscription_of(account_id).customer_id, "4000002760003184")
    deliver()
    browser = visit(db.session.get_one(Account, account_id))
    form = next(form for form in browser.get("/account/plan").forms() if form.fields.get("plan") == "supporter-monthly")
    browser.post("/account/plan", form.fields)
    deliver()
    invoice_id = sandbox.get(subscription_id)["latest_invoice"]
    gateway.client().v1.invoices.pay(invoice_id, {"payment_method": "pm_card_visa"})
    told = sandbox.take_deliveries()
    charged = [one for one in told if json.loads(one.body)["type"] == "charge.succeeded"]
    assert charged
    deliver(deliveries=charged)
    assert subscription_of(account_id).plan_key == "reader-monthly", "the mirror has the old plan at that moment"
    assert newest()[0] == "Supporter, monthly"
    deliver(deliveries=told)
    assert newest()[0] == "Supporter, monthly"


def test_seats_are_counted(visit: Any, make_account: Any, sandbox: Any, deliver: Any) -> None:
    account_id = (account := make_account()).id
    subscribe(visit, sandbox, deliver, account, "reader-yearly")
    assert newest() == ("Reader, yearly", 5000)
    browser = visit(db.session.get_one(Account, account_id))
    browser.get("/account/group")
    browser.submit("/account/group/seats", seats="3")
    deliver()
    assert newest() == ("Reader, yearly, now 3 seats", 10000)


def line(price: str, amount: int, *, quantity: int = 1, rest: bool = False) -> dict[str, Any]:
    parent = {"subscription_item_details": {"proration": rest}}
    return {"amount": amount, "quantity": quantity, "parent": parent, "pricing": {"price_details": {"price": price, "product": "prod_1"}}}


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        ([], None),
        ([{"amount": 500, "pricing": None, "parent": None}], None),
        ([line("price_a", 500)], ("price_a", 1, False)),
        ([line("price_a", 2500, quantity=5)], ("price_a", 5, False)),
        ([line("price_a", -300, rest=True), line("price_b", 700, rest=True)], ("price_b", 1, True)),
        ([line("price_a", -300, rest=True), line("price_b", 12000)], ("price_b", 1, False)),
        ([line("price_a", 9000, rest=True), line("price_b", 500)], ("price_b", 1, False)),
    ],
)
def test_what_an_invoice_sold(lines: list[dict[str, Any]], wanted: tuple[str, int, bool] | None) -> None:
    found = bought({"lines": {"data": lines}})
    assert (found and (found.price["id"], found.quantity, found.rest)) == wanted


def test_the_whole_price_comes_from_the_subscription() -> None:
    price = {"id": "price_a", "product": "prod_1", "lookup_key": "reader-monthly", "recurring": {"interval": "month"}}
    assert bought({"lines": {"data": [line("price_a", 500)]}}, {"items": {"data": [{"price": price}]}}) == Bought(price, 1, False)
    assert bought(None) is None
