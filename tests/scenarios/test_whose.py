"""Rows 58 to 60 of docs/scenarios: whose a guest's money becomes, who is one person and who is not, and a gift's whole life."""

import itertools
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
import time_machine
from sqlalchemy import select

from kit.database import db
from membership import accounts, signals
from membership.models import Account
from payments import contributions, gateway, gift_owners, invariants
from payments.models import CheckoutIntent, Contribution, Gift, LedgerEntry, Receipt
from tests.factories import PASSWORD
from tests.membership.letters import newest_to, path_in
from tests.payments.givers import contribute
from tests.payments.readers import described, entitled, history

pytestmark = pytest.mark.usefixtures("on_sale")


def owned(account_id: int | None) -> dict[str, int]:
    """How many rows of each table are this account's."""
    db.session.rollback()
    tables = {"contributions": Contribution, "receipts": Receipt, "entries": LedgerEntry, "gifts": Gift}
    count = {name: db.session.scalar(select(sa.func.count()).where(table.account_id == account_id)) for name, table in tables.items()}
    db.session.rollback()
    return {name: number or 0 for name, number in count.items()}


def all_holds() -> bool:
    db.session.rollback()
    return list(invariants.check()) == []


def id_of(email: str) -> int:
    db.session.rollback()
    found = accounts.find(email)
    assert found is not None
    return found.id


def test_58_a_guest_registers_later_and_what_she_gave_is_hers_from_the_proof_on(
    visit: Any, sandbox: Any, deliver: Any, outbox: Any
) -> None:
    """Once and monthly, in another spelling each; through the pages, told twice, and never by an address's search at Stripe."""
    contribute(visit(), sandbox, email="Gus@Guest.example")
    contribute(visit(), sandbox, email="gus@guest.EXAMPLE", frequency="month")
    contribute(visit(), sandbox, email="gusta@guest.example")
    deliver()
    nobody = owned(None)
    assert nobody == {"contributions": 3, "receipts": 3, "entries": 6, "gifts": 0}
    browser = visit()
    browser.get("/account/sign-up")
    browser.submit("/account/sign-up", email="GUS@guest.example", password=PASSWORD, name="")
    account_id = id_of("gus@guest.example")
    assert owned(None) == nobody, "an account alone proves nothing"
    letters = len(outbox())
    browser.get(path_in(newest_to(outbox, "GUS@guest.example")))
    assert owned(None) == nobody, "nor does looking at the link"
    browser.submit("/account/verify/")
    hers = {"contributions": 2, "receipts": 2, "entries": 4, "gifts": 0}
    assert owned(account_id) == hers
    for _ in range(2):
        account = db.session.get_one(Account, account_id)
        signals.email_verified.send(account)
        contributions.claim(account)
        gift_owners.claim(account)
        db.session.commit()
    assert (owned(account_id), owned(None)["contributions"]) == (hers, 1), "once more changes nothing"
    assert [mail for mail in outbox()[letters:] if mail.key.startswith("receipt:")] == []
    sandbox.advance(32 * 86_400)
    deliver()
    assert owned(account_id) == {"contributions": 2, "receipts": 3, "entries": 6, "gifts": 0}, "the next month's is hers at once"
    assert all_holds()
    asked = [one for one in sandbox.requests if one["method"] == "GET" and one["path"].startswith("/v1/customers")]
    assert all("email" not in one["params"] and "search" not in one["path"] for one in asked)


MINE = ["ann@b\u00fccher.example", "ANN@xn--bcher-kva.example", "Ann@B\u00dcCHER.Example"]
OTHERS = [
    "ann+news@b\u00fccher.example",  # a tag
    "ann@bucher.example",  # without the dots
    "ann@b\u00fc\u0441her.example",  # a Cyrillic es
    "a.nn@b\u00fccher.example",
    "ann@b\u00fccher.example.org",
]


def test_59_spellings_are_one_reader_and_look_alikes_are_others(
    visit: Any, make_account: Any, sandbox: Any, deliver: Any, outbox: Any
) -> None:
    for address in [*MINE, *OTHERS]:
        contribute(visit(), sandbox, email=address)
    deliver()
    account_id = make_account(MINE[0]).id
    account = db.session.get_one(Account, account_id)
    signals.email_verified.send(account)
    db.session.commit()
    assert owned(account_id)["contributions"] == len(MINE)
    assert owned(None)["contributions"] == len(OTHERS)
    for spelling in MINE[1:]:
        with pytest.raises(sa.exc.IntegrityError):
            make_account(spelling)
        db.session.rollback()
    ids = {account_id, *(make_account(address).id for address in OTHERS)}
    assert len(ids) == 1 + len(OTHERS)
    assert [id_of(spelling) for spelling in MINE] == [account_id] * 3
    for address, other in itertools.product(OTHERS, MINE):
        assert id_of(address) != id_of(other)
    assert all_holds()


def test_60_a_gift_from_its_purchase_to_its_end(visit: Any, make_account: Any, sandbox: Any, deliver: Any, outbox: Any) -> None:
    """The buyer's payment, the recipient's reading; over to the second, told to nobody as a loss of money, and a refund afterwards takes nothing back."""
    buyer, reader = make_account("gus@guest.example"), make_account("rita@reader.example")
    buyer_id, reader_id = buyer.id, reader.id
    browser = visit(buyer)
    browser.get("/gift")
    typed = {"offer": "reader-3", "recipient_email": "rita@reader.example", "name": "Gus", "email": "gus@guest.example"}
    assert browser.submit("/gift/checkout", **typed).status == 303
    db.session.rollback()
    sandbox.pay(db.session.scalars(select(CheckoutIntent.session_id)).one())
    deliver()
    gift = db.session.scalars(select(Gift)).one()
    code, charge_id = gift.code, gift.charge_id
    assert (owned(buyer_id), owned(reader_id)["entries"]) == ({"contributions": 0, "receipts": 1, "entries": 2, "gifts": 1}, 0)
    assert (entitled(buyer_id), entitled(reader_id)) == (False, False)
    page = visit(reader)
    page.get(f"/gift/redeem/{code}")
    page.submit(f"/gift/redeem/{code}", follow=True)
    assert (entitled(buyer_id), entitled(reader_id)) == (False, True)
    end = described(reader_id)["ends_at"]
    for seconds, opened in ((-1, True), (0, False), (86_400, False)):
        with time_machine.travel(end + timedelta(seconds=seconds), tick=False):
            assert entitled(reader_id) == opened
            assert described(reader_id)["status"] == ("active" if opened else "lapsed")
    with time_machine.travel(end + timedelta(days=1), tick=True):
        gateway.create_refund({"charge": charge_id}, "late")
        deliver()
        assert [state for state, _cause in history(reader_id)] == ["active"]
        entries = [(row.kind, row.amount, row.account_id) for row in db.session.scalars(select(LedgerEntry).order_by(LedgerEntry.id))]
        assert [entry for entry in entries if entry[0] != "fee"] == [("payment", 1500, buyer_id), ("refund", -1500, buyer_id)]
        assert described(reader_id)["ends_at"] == end, "what she read is read"
        assert all_holds()
