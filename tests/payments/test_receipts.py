"""Receipts: one a payment, numbered without gaps under concurrency; what is shown is charged, booked and receipted."""

import json
import re
import threading
from datetime import UTC, datetime

import pytest
import time_machine
from sqlalchemy import select, update

from kit.currencies import major
from kit.database import db
from kit.mail import OutboxMail
from payments import receipts
from payments.models import Contribution, Customer, LedgerEntry, Receipt
from tests.payments.givers import contribute
from tests.payments.readers import press, put_on_sale

GUEST = {"suggested": "", "frequency": "once", "email": "gus@guest.example"}


def payment(n: int, *, purpose: str = "subscription", kind: str = "payment", amount: int = 500) -> int:
    at = datetime(2026, 10, 15, tzinfo=UTC)
    entry = LedgerEntry(
        source_id=f"ch_{n}", kind=kind, purpose=purpose, amount=amount, currency="usd", occurred_at=at, recorded_at=at, charge_id=f"ch_{n}"
    )
    db.session.add(entry)
    db.session.flush()
    entry_id = entry.id
    db.session.commit()  # nothing may be read after it here: SQLite's one writer would be this thread
    return entry_id


def test_numbers_have_no_gaps_when_many_are_given_at_once_and_some_fail(app):
    ids = [payment(n) for n in range(24)]
    start = threading.Barrier(4)

    def issue(mine: list[int]) -> None:
        with app.app_context():
            start.wait()
            for n, entry_id in enumerate(mine):
                for _again in range(2):
                    receipts.issue_for(db.session.get_one(LedgerEntry, entry_id), email="gus@guest.example")
                    db.session.rollback() if n % 3 == 0 and not _again else db.session.commit()
            db.session.remove()

    workers = [threading.Thread(target=issue, args=(ids[n::4],)) for n in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    db.session.rollback()
    numbers = sorted(db.session.scalars(select(Receipt.number)))
    assert [int(number.split("-")[1]) for number in numbers] == list(range(1, 25))
    assert len(list(db.session.scalars(select(OutboxMail)))) == 24


def test_one_payment_has_one_receipt_whoever_asks(app):
    entry_id = payment(1)
    start, found = threading.Barrier(4), []

    def issue() -> None:
        with app.app_context():
            entry = db.session.get_one(LedgerEntry, entry_id)
            db.session.rollback()
            start.wait()
            entry = db.session.get_one(LedgerEntry, entry_id)
            receipt = receipts.issue_for(entry, email="gus@guest.example")
            db.session.commit()
            found.append(receipt.number if receipt else None)
            db.session.remove()

    workers = [threading.Thread(target=issue) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert len(found) == 4
    assert len(set(found)) == 1


def test_a_year_begins_with_number_one_in_the_publication_s_zone(app):
    with time_machine.travel(datetime(2027, 1, 1, 4, 59, tzinfo=UTC), tick=False):
        last = receipts.issue_for(db.session.get_one(LedgerEntry, payment(1)), email="gus@guest.example")
    with time_machine.travel(datetime(2027, 1, 1, 5, 0, tzinfo=UTC), tick=False):
        first = receipts.issue_for(db.session.get_one(LedgerEntry, payment(2)), email="gus@guest.example")
    assert last is not None
    assert first is not None
    assert (last.number, first.number) == ("2026-000001", "2027-000001")


@pytest.mark.parametrize(
    ("values", "email"),
    [
        ({"kind": "refund", "amount": -500}, "gus@guest.example"),
        ({"purpose": "unknown"}, "gus@guest.example"),
        ({}, None),
        ({}, "not an address"),
        ({}, "gus@guest.example\r\nBcc: eve@x.example"),
    ],
)
def test_what_has_no_receipt(app, values, email):
    assert receipts.issue_for(db.session.get_one(LedgerEntry, payment(1, **values)), email=email) is None


def test_the_publisher_s_name_and_address_stand_on_it(app, visitor, monkeypatch):
    monkeypatch.setitem(app.config, "LEGAL_NAME", "Ferry Bell Cooperative")
    monkeypatch.setitem(app.config, "POSTAL_ADDRESS", "1 Quay Street, Tarrow Ferry")
    receipt = receipts.issue_for(db.session.get_one(LedgerEntry, payment(1)), email="gus@guest.example")
    db.session.commit()
    assert receipt is not None
    assert "Ferry Bell Cooperative1 Quay Street, Tarrow Ferry" in visitor.get(f"/account/receipts/{receipt.public_id}").text
    assert "Ferry Bell Cooperative\n1 Quay Street, Tarrow Ferry" in db.session.scalars(select(OutboxMail)).one().text


@pytest.mark.parametrize("cover", ["", "y"])
@pytest.mark.parametrize("typed", ["1", "3.33", "25.00", "77,77", "10000"])
def test_M04_shown_is_charged_is_booked_is_receipted(visitor, sandbox, deliver, typed, cover):
    visitor.get("/contribute")
    location = visitor.submit("/contribute/checkout", **GUEST, amount=typed, cover_fee=cover).headers["Location"]
    session = next(one for one in sandbox.world.store.all("checkout.session") if one["url"] == location)
    back = sandbox.pay(session["id"])
    thanks = visitor.get(back.removeprefix("http://localhost")).text
    deliver()
    db.session.rollback()
    made = db.session.scalars(select(Contribution)).one()
    booked = db.session.scalars(select(LedgerEntry.amount).where(LedgerEntry.kind == "payment")).one()
    fee = db.session.scalars(select(LedgerEntry.amount).where(LedgerEntry.kind == "fee")).one()
    receipt = db.session.scalars(select(Receipt)).one()
    shown = re.search(r"Your contribution of \$([\d,.]+) has arrived", thanks)[1].replace(",", "")
    assert shown == str(major(booked, "usd"))
    assert made.amount + made.fee_cover == session["amount_total"] == booked == receipt.amount
    if cover:
        assert booked + fee >= made.amount  # what she wanted us to have, we have


def test_a_subscriptions_receipt_goes_to_its_readers_address_also_before_her_customer_is_known(
    visit, make_account, sandbox, deliver, outbox
):
    """She gave each month under another address; Checkout made that Customer, and she subscribes with it."""
    put_on_sale(sandbox)
    account_id, browser = (account := make_account("ann@reader.example")).id, visit(account)
    contribute(browser, sandbox, frequency="month", amount="5", email="other@reader.example")
    deliver()
    sandbox.pay(press(browser), email="other@reader.example")
    db.session.execute(update(Contribution).values(customer_id=None, subscription_id=None))
    db.session.execute(update(Customer).values(account_id=None))  # as where none of this was heard of yet
    db.session.commit()
    told = [one for one in sandbox.take_deliveries() if json.loads(one.body)["type"] == "charge.succeeded"]
    assert deliver(deliveries=told) == [200]
    db.session.rollback()
    receipt = db.session.scalars(select(Receipt).order_by(Receipt.id.desc())).first()
    assert receipt is not None
    assert (receipt.email, receipt.account_id) == ("ann@reader.example", account_id)
