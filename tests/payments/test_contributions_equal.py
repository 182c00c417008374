"""M04: what is shown, charged, booked and receipted is one amount: as a property through the rules, and once over HTTP."""

import pytest
from hypothesis import given as examples
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import select

from kit.currencies import THREE_DECIMAL, WHOLE_ONLY, ZERO_DECIMAL, exponent, step
from kit.database import db
from kit.formats import money
from kit.mail import OutboxMail
from payments import ledger, promises
from payments.domain import contributions as rules
from payments.domain.fees import Tariff
from payments.models import CheckoutIntent, Contribution, LedgerEntry, Receipt
from tests.payments.givers import contribute

CURRENCIES = ["usd", "eur", "huf", "twd", *sorted(WHOLE_ONLY), *sorted(THREE_DECIMAL), "jpy", "krw", "clp"]
assert {"jpy", "krw", "clp"} <= ZERO_DECIMAL


def typed(amount: int, currency: str) -> str:
    digits = exponent(currency)
    return f"{amount // 10**digits}.{amount % 10**digits:0{digits}d}" if digits else str(amount)


@examples(
    currency=st.sampled_from(CURRENCIES),
    steps=st.integers(1, 2_000_000),
    cover=st.booleans(),
    frequency=st.sampled_from(rules.FREQUENCIES),
    rate=st.sampled_from([0, 140, 290, 399]),
    fixed_steps=st.integers(0, 60),
)
@hypothesis_settings(max_examples=60)
def test_M04_shown_charged_booked_and_receipted_are_equal(app, currency, steps, cover, frequency, rate, fixed_steps):
    db.session.rollback()
    amount = steps * step(currency)
    terms = rules.Terms(currency, step(currency), 10**12, (), Tariff(rate, fixed_steps * step(currency)))
    accepted = rules.accept(
        {"amount": typed(amount, currency), "frequency": frequency, "email": "gus@guest.example", "cover_fee": "y" if cover else ""}, terms
    )
    assert accepted.amount == amount  # what was typed is what is given
    asked = promises.begin(accepted, account=None, attempt="a", attribution={})
    params = promises.session_terms(asked.id)
    lines = [line["price_data"] for line in params["line_items"]]
    charged = sum(line["unit_amount"] for line in lines)
    # every line is an amount that exists in its currency, and the fee is a line of its own
    assert all(line["unit_amount"] % step(currency) == 0 and line["unit_amount"] > 0 for line in lines)
    assert [line["unit_amount"] for line in lines] == [amount, *([accepted.fee_cover] if accepted.fee_cover else [])]
    assert charged == accepted.charged == asked.amount
    if cover:
        assert charged - terms.tariff.fee(charged) >= amount  # all of it arrives
    given = db.session.scalars(select(Contribution)).one()
    if frequency == "month":
        given.subscription_id = "sub_1"
    assert (given.amount, given.fee_cover, given.currency) == (amount, accepted.fee_cover, currency)
    charge = {
        "id": "ch_1", "status": "succeeded", "amount_captured": charged, "currency": currency, "created": 1_800_000_000, "customer": None,
        "payment_intent": "pi_1", "metadata": params["metadata"], "balance_transaction": None,
    }  # fmt: skip
    invoice = {"id": "in_1", "parent": {"subscription_details": {"subscription": "sub_1", "metadata": params["metadata"]}}}
    entry = ledger.book_charge(charge, invoice=invoice if frequency == "month" else None)
    assert entry is not None
    assert (entry.amount, entry.currency, entry.purpose, entry.note) == (charged, currency, "contribution", "")
    receipt = db.session.scalars(select(Receipt)).one()
    assert (receipt.amount, receipt.fee_cover, receipt.currency) == (charged, accepted.fee_cover, currency)
    mail = db.session.scalars(select(OutboxMail).where(OutboxMail.key == "receipt:ch_1")).one()
    assert money(charged, currency) in mail.subject
    db.session.rollback()


@pytest.mark.parametrize("frequency", ["once", "month"])
def test_one_trip_over_http(visit, sandbox, deliver, outbox, frequency):
    browser = visit()
    page = browser.get("/contribute")
    table = {row[0].text: row[2].text for row in page.tree.iter("tr") if len(row) == 3 and row[0].get("scope") == "row"}
    shown = table["$25.00"]
    back = contribute(browser, sandbox, frequency=frequency, amount="", suggested="2500", cover_fee="y")
    (session,) = sandbox.world.store.all("checkout.session")
    assert (money(session["amount_total"], session["currency"]), session["amount_subtotal"]) == (shown, session["amount_total"])
    assert shown in browser.get(back).text
    deliver()
    db.session.rollback()
    payment = db.session.scalars(select(LedgerEntry).where(LedgerEntry.kind == "payment")).one()
    receipt = db.session.scalars(select(Receipt)).one()
    intent = db.session.scalars(select(CheckoutIntent)).one()
    assert len({session["amount_total"], payment.amount, receipt.amount, intent.amount}) == 1
    (mail,) = [one for one in outbox() if one.key.startswith("receipt:")]
    assert shown in mail.text
    assert shown in visit().get(f"/account/receipts/{receipt.public_id}").text
    assert sandbox.complaints == []


def test_zero_is_left_out():
    """Where the tariff is nothing there is no line for it."""
    terms = rules.Terms("usd", 100, 10_000, (), Tariff(0, 0))
    assert rules.accept({"amount": "5", "frequency": "once", "email": "a@b.example", "cover_fee": "y"}, terms).fee_cover == 0
