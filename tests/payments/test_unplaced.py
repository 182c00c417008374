"""Money that could not be placed when it came: placed as soon as we learn more, or by staff, or given back."""

from typing import Any

import pytest
from sqlalchemy import delete, select

from kit import clock
from kit.database import db
from payments import gateway, ledger
from payments.models import ChargeDecision, Contribution, Customer, LedgerEntry, Plan, Receipt, Subscription
from payments.webhooks import HANDLERS
from tests.payments.givers import contribute
from tests.payments.readers import entitled, put_on_sale, subscribe, subscription_of


def payments() -> list[tuple[str, int | None]]:
    db.session.rollback()
    rows = db.session.scalars(select(LedgerEntry).where(LedgerEntry.kind == "payment").order_by(LedgerEntry.id))
    return [(row.purpose, row.account_id) for row in rows]


def unplace(charge_id: str, **values: Any) -> None:
    """As if it had been told before we knew whose it was."""
    db.session.rollback()
    for row in db.session.scalars(select(LedgerEntry).where(LedgerEntry.charge_id == charge_id)):
        row.account_id = None
        for name, value in values.items():
            setattr(row, name, value)
    db.session.commit()


def test_it_is_looked_at_again_when_its_customer_is_linked(make_account, visit, sandbox, deliver, drain):
    put_on_sale(sandbox)
    account = make_account("ann@reader.example")
    account_id = account.id
    subscribe(visit, sandbox, deliver, account)
    charge = list(sandbox.world.store.all("charge"))[-1]
    unplace(charge["id"], purpose="unknown")
    row = db.session.get_one(Customer, charge["customer"])
    row.account_id = None
    db.session.commit()
    from payments import customers

    customers.write(customers.look(charge["customer"]))  # the Customer's own event: her metadata name her account
    db.session.commit()
    drain()
    assert payments() == [("subscription", account_id)]


def test_it_is_looked_at_again_when_its_subscription_is_mirrored(make_account, visit, sandbox, deliver, drain):
    put_on_sale(sandbox)
    account = make_account("ann@reader.example")
    account_id, subscription_id = account.id, subscribe(visit, sandbox, deliver, account)
    unplace(list(sandbox.world.store.all("charge"))[-1]["id"], purpose="unknown")
    db.session.delete(db.session.get_one(Subscription, subscription_id))
    db.session.commit()
    from payments import subscriptions

    subscriptions.write(subscriptions.look(subscription_id))
    db.session.commit()
    drain()
    assert payments() == [("subscription", account_id)]


@pytest.fixture
def strange(app) -> str:
    """Twenty dollars that nothing of ours asked for."""
    ledger.book_charge({
        "id": "ch_strange", "status": "succeeded", "amount_captured": 2000, "currency": "usd", "created": int(clock.now().timestamp()),
        "customer": None, "payment_intent": "pi_strange", "metadata": {}, "balance_transaction": None,
        "billing_details": {"email": "typed@checkout.example"},
    })  # fmt: skip
    db.session.commit()
    return "ch_strange"


def test_staff_gives_it_to_a_reader(strange, make_account, visit, staff):
    account = make_account("ann@reader.example")
    account_id, desk = account.id, visit(staff("finance"))
    assert f"/admin/payments/{strange}" in desk.get("/admin/payments/").links()
    desk.get(f"/admin/payments/{strange}")
    page = desk.submit(f"/admin/payments/{strange}/place", verdict="account", whose=" Ann@Reader.example ", note="she rang", follow=True)
    assert "she rang" in page.text
    assert payments() == [("contribution", account_id)]
    assert db.session.scalars(select(Receipt.account_id)).one() == account_id
    assert f"/admin/payments/{strange}" not in desk.get("/admin/payments/").links()
    assert db.session.scalars(select(ChargeDecision.verdict)).one() == "account"


def test_staff_gives_it_to_a_contribution(strange, visit, staff, sandbox, deliver):
    contribute(visit(), sandbox)
    deliver()
    given = db.session.scalars(select(Contribution)).one()
    public_id, given_id = given.public_id, given.id
    desk = visit(staff("finance"))
    desk.get(f"/admin/payments/{strange}")
    answer = desk.submit(
        f"/admin/payments/{strange}/place",
        verdict="contribution",
        whose=f"http://localhost/admin/contributions/{public_id}",
        note="paid twice",
    )
    assert answer.status == 303
    db.session.rollback()
    rows = db.session.scalars(select(LedgerEntry).where(LedgerEntry.charge_id == strange))
    assert {(row.purpose, row.contribution_id) for row in rows} == {("contribution", given_id)}
    receipt = db.session.scalars(select(Receipt).order_by(Receipt.id.desc())).first()
    assert receipt is not None
    assert (receipt.amount, receipt.fee_cover) == (2000, 0)


def test_never_to_a_contribution_in_another_currency(strange, visit, staff):
    values = {"email": "gus@guest.example", "email_key": "gus@guest.example", "frequency": "once", "amount": 2000, "currency": "eur"}
    db.session.add(Contribution(public_id="c" * 32, created_at=clock.now(), **values))
    db.session.commit()
    desk = visit(staff("finance"))
    desk.get(f"/admin/payments/{strange}")
    page = desk.submit(f"/admin/payments/{strange}/place", verdict="contribution", whose="c" * 32, note="paid twice")
    assert (page.status, set(page.errors())) == (422, {"whose"})
    assert payments() == [("unknown", None)]


def test_what_is_none_of_ours_waits_no_more_and_stays_unknown(strange, visit, staff):
    desk = visit(staff("finance"))
    desk.get(f"/admin/payments/{strange}")
    desk.submit(f"/admin/payments/{strange}/place", verdict="elsewhere", note="the shop")
    assert f"/admin/payments/{strange}" not in desk.get("/admin/payments/").links()
    assert payments() == [("unknown", None)]


def test_what_comes_later_follows_the_decision(strange, make_account, visit, staff):
    account_id, desk = make_account("ann@reader.example").id, visit(staff("finance"))
    desk.get(f"/admin/payments/{strange}")
    desk.submit(f"/admin/payments/{strange}/place", verdict="account", whose="ann@reader.example", note="x")
    db.session.rollback()
    ledger.book_refunds(
        {"id": strange}, [{"id": "re_1", "amount": 500, "currency": "usd", "created": 1_800_000_000, "status": "succeeded"}]
    )
    db.session.commit()
    row = db.session.scalars(select(LedgerEntry).where(LedgerEntry.kind == "refund")).one()
    assert (row.purpose, row.account_id) == ("contribution", account_id)


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"verdict": "", "note": "x"}, "verdict"),
        ({"verdict": "account", "whose": "nobody", "note": "x"}, "whose"),
        ({"verdict": "account", "whose": "nobody@reader.example", "note": "x"}, "whose"),
        ({"verdict": "contribution", "whose": "", "note": "x"}, "whose"),
        ({"verdict": "elsewhere", "note": ""}, "note"),
    ],
)
def test_each_mistake_at_its_field(strange, visit, staff, typed, field):
    desk = visit(staff("finance"))
    desk.get(f"/admin/payments/{strange}")
    page = desk.submit(f"/admin/payments/{strange}/place", **typed)
    assert page.status == 422
    assert set(page.errors()) == {field}
    assert page.form(f"/admin/payments/{strange}/place").fields["whose"] == typed.get("whose", "")
    assert payments() == [("unknown", None)]


def test_who_may(strange, visit, make_account):
    for role, status in ((None, 404), ("editor", 403), ("support", 403), ("finance", 200), ("owner", 200)):
        browser = visit(make_account(role=role))
        assert browser.get("/admin/payments/").status == browser.get(f"/admin/payments/{strange}").status == status
    assert visit(make_account(role="finance")).get("/admin/payments/ch_none").status == 404


def test_the_row_is_the_same_whether_staff_decided_before_or_after_it_was_booked(make_account, staff):
    """A rebuild has the decision first: it must come to the same ledger."""
    reader, desk = make_account("ann@reader.example").id, staff("finance").id
    charge = {
        "status": "succeeded", "amount_captured": 2000, "currency": "usd", "created": int(clock.now().timestamp()), "customer": None,
        "payment_intent": "pi_noted", "metadata": {"purpose": "contribution", "contribution": "nobody"}, "balance_transaction": None,
        "billing_details": {"email": "typed@checkout.example"},
    }  # fmt: skip
    ledger.book_charge({**charge, "id": "ch_after"})
    ledger.place("ch_after", "account", by=desk, note="she rang", account_id=reader)
    said = {"verdict": "account", "account_id": reader, "note": "she rang", "decided_by": desk, "decided_at": clock.now()}
    db.session.add(ChargeDecision(charge_id="ch_before", **said))
    db.session.flush()
    ledger.book_charge({**charge, "id": "ch_before"})
    db.session.commit()
    rows = {row.charge_id: (row.purpose, row.account_id, row.note) for row in db.session.scalars(select(LedgerEntry))}
    assert rows["ch_before"] == rows["ch_after"] == ("contribution", reader, "unexpected: names contribution 'nobody'")


# --- a Subscription that is nobody's -----------------------------------------------------------------------------------


@pytest.fixture
def made_in_the_dashboard(sandbox, deliver) -> str:
    """Somebody at the desk sells ``reader-monthly`` to a Customer who is no reader's; its Subscription's id."""
    put_on_sale(sandbox)
    customer = gateway.client().v1.customers.create({"email": "ann@reader.example"})
    price = db.session.get_one(Plan, "reader-monthly").price_id
    db.session.rollback()
    made = sandbox.subscribe(customer.id, price)
    for charge in sandbox.world.store.all("charge"):
        charge["billing_details"]["email"] = "typed@checkout.example"
    assert set(deliver()) == {200}
    return made["id"]


def charges() -> list[str]:
    db.session.rollback()
    return list(db.session.scalars(select(LedgerEntry.source_id).where(LedgerEntry.kind == "payment").order_by(LedgerEntry.id)))


def test_a_subscription_of_nobody_is_shown_to_staff_who_lets_her_in(
    made_in_the_dashboard, make_account, visit, staff, deliver, drain, later, outbox
):
    account_id, desk = make_account("ann@reader.example").id, visit(staff("finance"))
    (charge,) = charges()
    assert payments() == [("subscription", None)], "never by her address alone"
    assert (outbox(), entitled(account_id)) == ([], False)
    assert f"/admin/payments/{charge}" in desk.get("/admin/payments/").links()
    page = desk.get(f"/admin/payments/{charge}")
    assert page.form(f"/admin/payments/{charge}/place").fields["whose"] == "ann@reader.example", "who has proven the Customer's address"
    desk.submit(f"/admin/payments/{charge}/place", verdict="account", whose="ann@reader.example", note="I sold it to her", follow=True)
    drain()
    assert entitled(account_id)
    assert (subscription_of(account_id).id, payments()) == (made_in_the_dashboard, [("subscription", account_id)])
    assert {mail.recipient for mail in outbox()} == {"ann@reader.example"}
    assert db.session.scalars(select(Receipt.account_id)).one() == account_id
    assert f"/admin/payments/{charge}" not in desk.get("/admin/payments/").links()
    assert "I sold it to her" in desk.get(f"/admin/payments/{charge}").text
    later(31)
    assert payments() == [("subscription", account_id)] * 2
    assert entitled(account_id)


def test_the_link_that_staff_made_is_made_again_wherever_it_is_missing(made_in_the_dashboard, make_account, visit, staff, drain):
    """As in a database that is filled anew: the decision is ours and was copied, the Customer is told again, before the money or after."""
    account_id, desk = make_account("ann@reader.example").id, visit(staff("finance"))
    (charge,) = charges()
    desk.get(f"/admin/payments/{charge}")
    desk.submit(f"/admin/payments/{charge}/place", verdict="account", whose="ann@reader.example", note="x")
    drain()
    customer_id = subscription_of(account_id).customer_id
    db.session.rollback()
    for first, second in (
        (("charge.updated", charge), ("customer.updated", customer_id)),
        (("customer.updated", customer_id), ("charge.updated", charge)),
    ):
        for table in (Subscription, Customer):
            db.session.execute(delete(table))
        unplace(charge)
        for name, object_id in (first, second):
            seen = HANDLERS[name].look(object_id)
            HANDLERS[name].write(seen)
            db.session.commit()
        drain()
        assert (db.session.scalars(select(Customer.account_id)).one(), payments()) == (account_id, [("subscription", account_id)])


def test_a_subscription_s_payment_may_be_none_of_ours_but_no_contribution(made_in_the_dashboard, make_account, visit, staff, outbox):
    desk = visit(staff("finance"))
    (charge,) = charges()
    desk.get(f"/admin/payments/{charge}")
    page = desk.submit(f"/admin/payments/{charge}/place", verdict="contribution", whose="c" * 32, note="x")
    assert (page.status, set(page.errors())) == (422, {"verdict"})
    desk.submit(f"/admin/payments/{charge}/place", verdict="elsewhere", note="the other paper's")
    assert f"/admin/payments/{charge}" not in desk.get("/admin/payments/").links()
    assert (db.session.scalars(select(Customer.account_id)).all(), outbox()) == ([None], [])


def test_a_guest_s_gift_is_nobody_s_and_waits_for_nobody(app, visit, staff, sandbox, deliver):
    put_on_sale(sandbox)
    giver = visit()
    giver.get("/gift")
    assert (
        giver.submit("/gift/checkout", offer="reader-3", name="Gus", recipient_email="rae@reader.example", email="gus@guest.example").status
        == 303
    )
    sandbox.pay(next(one["id"] for one in sandbox.world.store.all("checkout.session")))
    deliver()
    assert payments() == [("subscription", None)]
    assert [link for link in visit(staff("finance")).get("/admin/payments/").links() if "/payments/ch_" in link] == []
