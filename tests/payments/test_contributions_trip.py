"""Trip (d) of the house: contribute, pay, be told by Stripe; and every way in which it may be told."""

import itertools
import json
from datetime import timedelta

import pytest
from sqlalchemy import delete, select

from kit import clock
from kit.database import db
from kit.limits import RateCount
from membership import signals
from payments import contributions, receipts, state
from payments.models import CheckoutIntent, Contribution, Customer, LedgerEntry, Receipt
from payments.webhooks import HANDLERS

GUEST = {"suggested": "", "amount": "25.00", "frequency": "once", "email": "gus@guest.example"}


@pytest.fixture
def give(visit, sandbox):
    """``give(amount="30")``: a browser that went to Checkout with this; and its Session's id."""

    def go(browser=None, **typed):
        browser = browser or visit()
        browser.get("/contribute")
        assert browser.submit("/contribute/checkout", **{**GUEST, **typed}).status == 303
        db.session.rollback()
        return browser, db.session.scalars(select(CheckoutIntent).order_by(CheckoutIntent.created_at.desc())).first().session_id

    return go


def ledger() -> list[tuple[str, str, int]]:
    db.session.rollback()
    return sorted((row.kind, row.purpose, row.amount) for row in db.session.scalars(select(LedgerEntry)))


def only(model):
    db.session.rollback()
    return db.session.scalars(select(model)).one()


def test_a_guest_contributes_25_and_finds_the_receipt_mail(give, sandbox, deliver, outbox):
    browser, session_id = give(name="Gus", cover_fee="y")
    back = sandbox.pay(session_id)
    assert set(deliver()) == {200}
    assert ledger() == [("fee", "contribution", -106), ("payment", "contribution", 2606)]
    given, receipt = only(Contribution), only(Receipt)
    assert (given.status, given.refunded, given.amount + given.fee_cover) == ("paid", 0, 2606)
    assert (receipt.amount, receipt.fee_cover, receipt.number) == (2606, 106, f"{clock.now().year}-000001")
    (mail,) = [one for one in outbox() if one.key.startswith("receipt:")]
    assert (mail.recipient, mail.subject) == ("gus@guest.example", f"Receipt {receipt.number}: $26.06")
    assert "Amount: $25.00" in mail.text
    assert "Payment fee, covered by you: $1.06" in mail.text
    assert "$26.06" in (mail.html or "")
    assert f"http://localhost/account/receipts/{receipt.public_id}" in mail.text
    page = browser.get(back.removeprefix("http://localhost"))
    assert "Your contribution of $26.06 has arrived. The receipt goes to gus@guest.example." in page.text
    assert sandbox.complaints == []


def test_the_thanks_page_does_not_wait_for_the_webhook_and_the_webhook_adds_nothing(give, sandbox, deliver, outbox):
    browser, session_id = give()
    back = sandbox.pay(session_id)
    page = browser.get(back.removeprefix("http://localhost"))
    assert "Your contribution of $25.00 has arrived" in page.text
    before = ledger()
    assert ("payment", "contribution", 2500) in before
    assert set(deliver()) == {200}
    assert ledger() == before
    assert len([one for one in outbox() if one.key.startswith("receipt:")]) == 1


def test_the_receipt_s_own_page(give, sandbox, deliver, visitor):
    sandbox.pay(give(name="Gus")[1])
    deliver()
    page = visitor.get(f"/account/receipts/{only(Receipt).public_id}")
    assert page.status == 200
    assert page.headers["Referrer-Policy"] == "no-referrer"
    for words in ("Contribution to The Ferry Bell", "$25.00", "Gus", "gus@guest.example"):
        assert words in page.text
    assert visitor.get("/account/receipts/" + "0" * 32).status == 404


KINDS = ("checkout.session.completed", "payment_intent.succeeded", "charge.succeeded", "charge.updated")


def test_W06_whatever_the_order_and_however_often_the_books_are_the_same(give, sandbox, deliver, outbox):
    """Orders of the four events, each told twice, each applied by itself."""
    orders = list(itertools.permutations(range(len(KINDS))))[::4]  # all of them, below HTTP, in test_ledger.py
    for turn, order in enumerate(orders):
        db.session.execute(delete(RateCount))
        db.session.commit()
        sandbox.faults(late_balance_transaction=1)
        sandbox.pay(give(email=f"gus{turn}@guest.example")[1])
        sandbox.advance(10)
        by_kind = {json.loads(one.body)["type"]: one for one in sandbox.take_deliveries()}
        for n in order:
            assert deliver(deliveries=[by_kind[KINDS[n]]] * 2) == [200, 200]
    count = len(orders)
    assert ledger() == [("fee", "contribution", -103)] * count + [("payment", "contribution", 2500)] * count
    assert {one.status for one in db.session.scalars(select(Contribution))} == {"paid"}
    assert len([one for one in outbox() if one.key.startswith("receipt:")]) == count


def test_the_fee_may_come_later(give, sandbox, deliver):
    sandbox.faults(late_balance_transaction=1)
    sandbox.pay(give()[1])
    deliver()
    assert ledger() == [("payment", "contribution", 2500)]
    sandbox.faults()
    sandbox.advance(10)
    deliver()
    assert ledger() == [("fee", "contribution", -103), ("payment", "contribution", 2500)]


def test_the_state_hash_does_not_ask_whether_the_fee_was_there_when_the_payment_was_booked(give, sandbox, deliver):
    """A payment keeps the date that it was booked by: its Charge's, or its balance transaction's if that was there."""
    sandbox.faults(late_balance_transaction=1)
    sandbox.pay(give()[1])
    charge = HANDLERS["charge.succeeded"]
    charge_id = next(one["id"] for one in sandbox.world.store.all("charge"))
    looks = [charge.look(charge_id)]
    sandbox.advance(10)
    looks.append(charge.look(charge_id))
    ends, dates = [], set()
    for order in (looks, looks[::-1]):
        for seen in order:
            charge.write(seen)
        ends.append(list(state.facts()))
        dates.add(db.session.scalars(select(LedgerEntry.occurred_at).where(LedgerEntry.kind == "payment")).one())
        db.session.rollback()
    assert len(dates) == 2
    assert ends[0] == ends[1]


def test_a_declined_card_says_so_and_nothing_is_booked(give, sandbox, deliver):
    from sandbox import Declined

    _browser, session_id = give()
    with pytest.raises(Declined, match="declined"):
        sandbox.pay(session_id, card="4000000000000002")
    deliver()
    assert ledger() == []
    assert only(Contribution).status == "pending"


def test_a_monthly_contribution_pays_again_by_itself_and_gives_a_receipt_each_time(give, sandbox, deliver, outbox):
    browser, session_id = give(frequency="month", cover_fee="y")
    back = sandbox.pay(session_id)
    assert "first monthly contribution of $26.06" in browser.get(back.removeprefix("http://localhost")).text
    deliver()
    assert only(Contribution).status == "active"
    assert ledger() == [("fee", "contribution", -106), ("payment", "contribution", 2606)]
    sandbox.advance(32 * 24 * 3600)
    deliver()
    assert ledger().count(("payment", "contribution", 2606)) == 2
    assert len([one for one in outbox() if one.key.startswith("receipt:")]) == 2
    assert {one.what for one in db.session.scalars(select(Receipt))} == {"Monthly contribution to The Ferry Bell"}


def test_a_monthly_contribution_lets_nobody_read(visit, give, sandbox, deliver, make_account):
    reader = make_account("ann@reader.example")
    sandbox.pay(give(visit(reader), frequency="month", email="ann@reader.example")[1])
    deliver()
    me = visit(reader).get("/api/v1/me").response.get_json()
    assert me["membership"]["entitled"] is False
    assert me["contributions"] == [{"amount": 2500, "currency": "usd", "status": "active", "refunded": 0}]


# --- whose it is ------------------------------------------------------------------------------------------------------


def test_a_guest_s_contribution_is_claimed_when_the_address_is_proven_and_not_before(give, sandbox, deliver, make_account, visit):
    sandbox.pay(give()[1])
    deliver()
    account = make_account("Gus@Guest.example", confirmed=False)
    contributions.claim(account)
    db.session.commit()
    assert only(Contribution).account_id is None
    account.confirmed_at = clock.now()
    signals.email_verified.send(account)
    db.session.commit()
    assert only(Contribution).account_id == only(Receipt).account_id == account.id
    assert {row.account_id for row in db.session.scalars(select(LedgerEntry))} == {account.id}
    page = visit(account).get("/account/")
    assert "Contributions and receipts" in page.text
    assert f"/account/receipts/{only(Receipt).public_id}" in page.links()
    facts = visit(account).get("/api/v1/me").response.get_json()["contributions"]
    assert facts == [{"amount": 2500, "currency": "usd", "status": "paid", "refunded": 0}]


def test_a_guest_with_an_address_proven_before_gives_to_her_own_account(give, sandbox, deliver, make_account):
    account = make_account("gus@guest.example")
    sandbox.pay(give()[1])
    deliver()
    assert only(Contribution).account_id == only(Receipt).account_id == account.id


def test_the_customer_that_checkout_made_is_hers_whichever_is_heard_of_last(give, sandbox, deliver, make_account):
    """The histories found it: told after its Subscription was followed, the Customer stayed nobody's."""
    account = make_account("ann@reader.example")
    sandbox.pay(give(frequency="month", email="ann@reader.example")[1])
    told = sandbox.take_deliveries()
    last = [one for one in told if json.loads(one.body)["type"] in ("customer.created", "payment_method.attached")]
    deliver(deliveries=[one for one in told if one not in last])
    db.session.rollback()
    assert db.session.scalars(select(Customer)).all() == []
    deliver(deliveries=last)
    assert only(Customer).account_id == account.id


def test_nobody_claims_a_stranger_s(give, sandbox, deliver, make_account):
    sandbox.pay(give()[1])
    deliver()
    contributions.claim(make_account("eve@guest.example"))
    db.session.commit()
    assert only(Contribution).account_id is None


def test_an_anonymous_name_is_nowhere_in_public(give, sandbox, deliver, visit):
    sandbox.pay(give(name="Quillon Anonymous", anonymous="y", message="QUILLMESSAGE")[1])
    deliver()
    stranger = visit()
    for path in ("/", "/contribute", "/contribute/thanks", "/archive/", "/feed.xml", "/subscribe"):
        html = stranger.get(path).html
        assert "Quillon" not in html
        assert "QUILLMESSAGE" not in html


def test_receipts_are_numbered_without_gaps(give, sandbox, deliver):
    for n in range(5):
        sandbox.pay(give(email=f"gus{n}@guest.example")[1])
        deliver()
    db.session.rollback()
    numbers = list(db.session.scalars(select(Receipt.number).order_by(Receipt.id)))
    assert numbers == [f"{clock.now().year}-{n:06d}" for n in range(1, 6)]
    assert receipts.of_account(1) == []


def test_an_expired_session_ends_the_promise(give, sandbox, deliver):
    give()
    sandbox.advance(int(timedelta(days=2).total_seconds()))
    deliver()
    assert only(Contribution).status == "canceled"
    assert ledger() == []
