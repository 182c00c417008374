"""Row 66 of docs/scenarios: bills that nobody pays by card, and what is booked of them. The rest of 61 to 67 is shown in tests/payments."""

from typing import Any

import pytest
from sqlalchemy import select

from kit.database import db
from payments import gateway
from payments.models import LedgerEntry
from tests.payments.readers import described, entitled, subscribe, subscription_of

pytestmark = pytest.mark.usefixtures("on_sale")


@pytest.fixture
def overdue(visit: Any, make_account: Any, sandbox: Any, deliver: Any, later: Any) -> tuple[int, str]:
    """(account id, invoice id) of a reader whose renewal failed yesterday."""
    account_id = (account := make_account()).id
    subscription_id = subscribe(visit, sandbox, deliver, account)
    sandbox.card_fails(subscription_of(account_id).customer_id)
    later(32)
    assert described(account_id)["status"] == "past_due"
    return account_id, sandbox.get(subscription_id)["latest_invoice"]


def booked() -> list[tuple[str, int]]:
    db.session.rollback()
    rows = db.session.scalars(select(LedgerEntry).where(LedgerEntry.kind != "fee").order_by(LedgerEntry.id))
    return [(row.kind, row.amount) for row in rows]


def test_66_a_bill_paid_off_stripe_opens_and_is_no_money_of_stripes(overdue: Any, deliver: Any) -> None:
    """She gave it in cash: Stripe never had the money, so the ledger of Stripe's money has no row of it."""
    account_id, invoice_id = overdue
    gateway.client().v1.invoices.pay(invoice_id, {"paid_out_of_band": True})
    deliver()
    assert (described(account_id)["status"], entitled(account_id), booked()) == ("active", True, [("payment", 500)])


@pytest.mark.parametrize("deed", ["void_invoice", "mark_uncollectible"])
def test_66_a_bill_that_was_given_up_books_nothing_and_closes_after_the_grace(overdue: Any, deliver: Any, later: Any, deed: str) -> None:
    account_id, invoice_id = overdue
    getattr(gateway.client().v1.invoices, deed)(invoice_id)
    deliver()
    assert booked() == [("payment", 500)]
    later(8)
    assert (entitled(account_id), booked()) == (False, [("payment", 500)])


def test_66_a_credit_note_to_the_balance_moves_no_money(visit: Any, make_account: Any, sandbox: Any, deliver: Any, later: Any) -> None:
    """What is credited lowers the next bill: the next payment is booked as it was charged."""
    account_id = (account := make_account()).id
    subscription_id = subscribe(visit, sandbox, deliver, account)
    invoice_id = sandbox.get(subscription_id)["latest_invoice"]
    gateway.client().v1.credit_notes.create({"invoice": invoice_id, "amount": 200, "credit_amount": 200})
    deliver()
    assert (entitled(account_id), booked()) == (True, [("payment", 500)])
    later(32)
    assert (entitled(account_id), booked()) == (True, [("payment", 500), ("payment", 300)])
