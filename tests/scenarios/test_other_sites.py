"""Row 12: two sites of ours on one account at Stripe. Both are told of everything, and both sell by the same lookup keys."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import delete, select

from kit.database import db
from membership.models import Account, Membership
from payments import gateway, reconciliation
from payments.domain.reconciliation import Report
from payments.models import CheckoutIntent, Contribution, Customer, LedgerEntry, Plan, Receipt, Subscription
from tests.payments.givers import contribute
from tests.payments.readers import entitled, press, put_on_sale
from tests.scenarios.rows import count, states

OTHER = "https://other.example/news/"
GIFT = {
    "offer": "reader-3",
    "recipient_email": "rae@reader.example",
    "recipient_name": "",
    "name": "Gus",
    "email": "gus@guest.example",
    "message": "",
    "deliver": "now",
    "deliver_on": "",
}


@pytest.fixture
def name(app: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """``name(address)``: what this site is called from now on."""
    return lambda address: monkeypatch.setitem(app.config, "PUBLIC_URL", address)


def sold(sandbox: Any, visit: Any, account: Any) -> list[Any]:
    """A reader subscribes, staff makes her a second Subscription in the Dashboard, a guest gives once, monthly, and a gift: what
    Stripe has to tell of it."""
    put_on_sale(sandbox)
    sandbox.pay(press(visit(account)))
    contribute(visit(), sandbox)
    contribute(visit(), sandbox, frequency="month", amount="7")
    giver = visit()
    giver.get("/gift")
    assert giver.submit("/gift/checkout", **GIFT).status == 303
    db.session.rollback()
    sandbox.pay(db.session.scalars(select(CheckoutIntent.session_id).where(CheckoutIntent.kind == "gift")).one())
    yearly = db.session.get_one(Plan, "reader-yearly").price_id
    db.session.rollback()
    sandbox.subscribe(hers(sandbox)["customer"], yearly)
    return sandbox.take_deliveries()


def hers(sandbox: Any) -> dict[str, Any]:
    """The Subscription that she made at Checkout."""
    return next(one for one in sandbox.world.store.all("subscription") if one["metadata"].get("intent"))


def walk() -> list[str]:
    report = Report()
    for _step in reconciliation.walk(report, None):
        db.session.commit()
    return [f"{one.kind} {one.id}: {one.what}" for one in report.drift]


def test_12_what_names_another_site_is_none_of_ours(
    app: Any,
    name: Any,
    databases: Any,
    visit: Any,
    make_account: Any,
    sandbox: Any,
    deliver: Any,
    later: Any,
    outbox: Any,
    monkeypatch: Any,
) -> None:
    """It opens nothing, is mirrored by nobody and written to by nobody, and nothing is done to it: not even where a payment of it is
    given back as fraud. Its money is booked apart, and nobody is alarmed."""
    name(OTHER)
    told = sold(sandbox, visit, make_account("ann@reader.example"))
    databases.empty(app)  # and this is the second site, on its first day
    name("http://localhost")
    monkeypatch.setitem(app.config, "ADMIN_EMAIL", "desk@reader.example")
    put_on_sale(sandbox)
    assert set(deliver(deliveries=told)) == {200}
    later(31)
    charge = next(one["id"] for one in sandbox.world.store.all("charge") if one["customer"] == hers(sandbox)["customer"])
    gateway.client().v1.refunds.create({"charge": charge, "reason": "fraudulent"})
    deliver()
    assert walk() == []
    assert [count(table) for table in (Account, Membership, Receipt, Subscription)] == [0, 0, 0, 0]
    assert outbox() == []
    rows = db.session.execute(select(LedgerEntry.purpose, LedgerEntry.note, LedgerEntry.account_id).where(LedgerEntry.kind == "payment"))
    assert [tuple(row) for row in rows] == [("unknown", "", None)] * 7
    assert hers(sandbox)["status"] == "active", "it is not ours to end"
    assert states() <= {"done", "ignored"}


def test_12_what_was_made_before_sites_were_named_is_written_to_by_the_site_that_knows_of_it(
    app: Any, name: Any, databases: Any, visit: Any, make_account: Any, sandbox: Any, deliver: Any, later: Any, outbox: Any
) -> None:
    """Such a Subscription looks like one of ours: staff sees its money, and neither a letter nor an end comes of it."""
    told = sold(sandbox, visit, make_account("ann@reader.example"))
    for kind in ("customer", "subscription", "invoice", "charge", "payment_intent", "checkout.session"):
        for one in sandbox.world.store.all(kind):
            details = (one.get("parent") or {}).get("subscription_details") or {}
            for metadata in (one["metadata"], details.get("metadata") or {}):
                metadata.pop("site", None)
    databases.empty(app)
    put_on_sale(sandbox)
    deliver(deliveries=told)
    charge = next(one["id"] for one in sandbox.world.store.all("charge") if one["customer"] == hers(sandbox)["customer"])
    gateway.client().v1.refunds.create({"charge": charge, "reason": "fraudulent"})
    deliver()
    assert (count(Receipt), outbox()) == (0, [])
    assert hers(sandbox)["status"] == "active"


def test_12_a_site_that_has_another_name_knows_its_own(
    name: Any, visit: Any, make_account: Any, sandbox: Any, deliver: Any, later: Any
) -> None:
    """By what is in its database, and also where the Customers and mirrors are gone and are told anew."""
    name(OTHER)
    account_id = (account := make_account("ann@reader.example")).id
    told = sold(sandbox, visit, account)
    name("http://localhost")
    deliver(deliveries=told)
    later(31)
    assert entitled(account_id)
    before = sorted(db.session.execute(select(LedgerEntry.source_id, LedgerEntry.purpose, LedgerEntry.account_id)).all())
    assert {row.purpose for row in before} == {"subscription", "contribution"}
    assert set(db.session.scalars(select(Contribution.status))) == {"paid", "active"}
    assert count(Receipt) == count(LedgerEntry, LedgerEntry.kind == "payment")
    db.session.execute(delete(Subscription))
    db.session.execute(delete(Customer))
    db.session.commit()
    assert len(walk()) == 3, "it misses them, so they are its own"
    db.session.rollback()
    assert set(db.session.scalars(select(Customer.account_id))) == {account_id, None}
    assert count(Subscription) == 3
