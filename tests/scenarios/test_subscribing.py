"""Rows 27 to 34 of docs/scenarios: money that a bank sends later, or not; a Session that nobody pays; a wish paid before we noted it."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select

from kit.database import db
from membership.models import Account, MembershipInterval
from payments import checkout
from payments.models import CheckoutIntent, Contribution, LedgerEntry, Receipt, StripeEvent
from tests.payments.readers import back, described, entitled, history, press, subscription_of

COMES, BOUNCES = "DE89370400440532013000", "DE62370400440532013001"  # bank accounts of Stripe's documentation


pytestmark = pytest.mark.usefixtures("on_sale")


def paid() -> list[int]:
    """The payments in the ledger, in minor units."""
    db.session.rollback()
    return list(db.session.scalars(select(LedgerEntry.amount).where(LedgerEntry.kind == "payment")))


@pytest.fixture
def bank(sandbox: Any, deliver: Any) -> Callable[[], None]:
    """``bank()``: a moment passes in which the bank answers; until then Stripe's clock stands still."""
    sandbox.freeze(int(time.time()))

    def answers() -> None:
        sandbox.advance(5)
        deliver()

    return answers


def test_28_a_bank_debit_opens_the_gate_when_it_has_come(visit: Any, make_account: Any, sandbox: Any, deliver: Any, bank: Any) -> None:
    account_id = (account := make_account()).id
    browser = visit(account)
    url = sandbox.pay(press(browser), iban=COMES)
    deliver()
    assert (entitled(account_id), paid(), history(account_id)) == (False, [], [])
    assert "Your payment is being confirmed" in browser.get(back(url)).text
    bank()
    assert (entitled(account_id), paid(), history(account_id)) == (True, [500], [("active", None)])
    assert described(account_id)["status"] == "active"
    assert "Everything is open to you" in browser.get(back(url)).text


def test_29_a_bank_debit_that_bounces_never_opens_it(
    visit: Any, make_account: Any, sandbox: Any, deliver: Any, bank: Any, outbox: Any
) -> None:
    account_id = (account := make_account()).id
    sandbox.pay(press(visit(account)), iban=BOUNCES)
    deliver()
    assert (entitled(account_id), paid(), history(account_id)) == (False, [], [])
    bank()
    assert (entitled(account_id), paid(), history(account_id)) == (False, [], [])
    (told,) = [mail for mail in outbox() if "did not go through" in mail.subject]
    assert "so it has not begun" in told.text


def test_29_and_when_stripe_gives_it_up_nothing_has_ever_begun(
    visit: Any, make_account: Any, sandbox: Any, deliver: Any, later: Any, outbox: Any
) -> None:
    account_id = (account := make_account()).id
    sandbox.pay(press(visit(account)), iban=BOUNCES)
    deliver()
    for _ in range(4):
        later(8)
        assert (entitled(account_id), paid(), history(account_id)) == (False, [], [])
    assert subscription_of(account_id).status == "canceled"
    assert [mail.subject for mail in outbox() if "ended" in mail.subject] == []
    assert "You are not a member yet." in visit(db.session.get(Account, account_id)).get("/account/").text


@pytest.mark.parametrize("left", ["past_due", "unpaid"])
def test_29_nor_when_stripe_leaves_it_and_begins_further_periods(
    visit: Any, make_account: Any, sandbox: Any, deliver: Any, later: Any, left: str
) -> None:
    account_id = (account := make_account()).id
    sandbox.settings(after_retries=left)
    sandbox.pay(press(visit(account)), iban=BOUNCES)
    deliver()
    for _ in range(9):
        later(8)
        assert (entitled(account_id), paid(), history(account_id)) == (False, [], [])
    subscription_id = subscription_of(account_id).id
    assert sandbox.get(subscription_id)["status"] == left
    sandbox.cancel_now(subscription_id)
    deliver()
    assert (entitled(account_id), history(account_id)) == (False, [])


@pytest.mark.parametrize(("iban", "status", "sums"), [(COMES, "paid", [2500]), (BOUNCES, "failed", [])], ids=["comes", "bounces"])
def test_28_29_a_contribution_by_bank_debit(
    visit: Any, sandbox: Any, deliver: Any, bank: Any, iban: str, status: str, sums: list[int]
) -> None:
    browser = visit()
    browser.get("/contribute")
    assert browser.submit("/contribute/checkout", suggested="", amount="25.00", email="gus@guest.example", frequency="once").status == 303
    db.session.rollback()
    session_id = db.session.scalars(select(CheckoutIntent.session_id)).one()
    db.session.rollback()
    sandbox.pay(session_id, iban=iban)
    deliver()
    assert (db.session.scalars(select(Contribution.status)).one(), paid()) == ("pending", [])
    bank()
    db.session.rollback()
    assert (db.session.scalars(select(Contribution.status)).one(), paid()) == (status, sums)
    assert db.session.scalar(select(func.count()).select_from(Receipt)) == len(sums)


def test_31_a_session_that_nobody_pays_closes_the_wish(visit: Any, make_account: Any, sandbox: Any, later: Any) -> None:
    account_id = (account := make_account()).id
    first = press(visit(account))
    later(2)
    wishes = list(db.session.scalars(select(CheckoutIntent.state)))
    assert (wishes, entitled(account_id), paid()) == (["expired"], False, [])
    second = press(visit(db.session.get(Account, account_id)))
    assert (first != second, sandbox.get(second)["status"]) == (True, "open")


def test_W08_paid_and_told_before_we_noted_the_session(
    visit: Any, make_account: Any, sandbox: Any, deliver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between Stripe's answer and our commit she pays, and everything is told: all of it is about a Session that we do not know."""
    account_id = (account := make_account()).id
    browser, ask = visit(account), checkout.gateway.create_checkout_session

    def overtaken(params: Any, key: str) -> Any:
        made = ask(params, key)
        sandbox.pay(made["id"])
        assert set(deliver()) == {200}
        return made

    monkeypatch.setattr(checkout.gateway, "create_checkout_session", overtaken)
    press(browser)
    deliver()
    assert (entitled(account_id), paid(), history(account_id)) == (True, [500], [("active", None)])
    assert set(db.session.scalars(select(StripeEvent.state))) <= {"done", "ignored"}
    assert db.session.scalars(select(MembershipInterval.account_id)).one() == account_id
    assert subscription_of(account_id).status == "active"
