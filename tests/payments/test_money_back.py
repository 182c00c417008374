"""Money back in each way that there is: by staff and in the Dashboard, in parts and in full, of each kind of payment."""

import json

import pytest
from sqlalchemy import select

from kit.database import db
from payments import refunds
from payments.models import Contribution, LedgerEntry
from tests.payments.givers import contribute
from tests.payments.readers import entitled, put_on_sale, subscribe

FAILS, PENDING = "4000000000005126", "4000000000007726"
BACK = ("refund", "refund_failed")


def rows() -> list[tuple[str, int]]:
    db.session.rollback()
    query = (
        select(LedgerEntry).where(LedgerEntry.kind.in_(BACK)).order_by(LedgerEntry.occurred_at, LedgerEntry.kind, LedgerEntry.amount.desc())
    )
    return sorted((row.kind, row.amount) for row in db.session.scalars(query))


def left() -> int:
    db.session.rollback()
    return refunds.left(db.session.scalars(select(LedgerEntry).where(LedgerEntry.kind == "payment")).one())


@pytest.fixture(params=["once", "month", "subscription"])
def charge_id(request, visit, sandbox, deliver, make_account) -> str:
    if request.param == "subscription":
        put_on_sale(sandbox)
        subscribe(visit, sandbox, deliver, make_account("gus@guest.example"))
    else:
        contribute(visit(), sandbox, amount="5", frequency=request.param)
        deliver()
    return list(sandbox.world.store.all("charge"))[-1]["id"]


def test_61_three_parts_by_staff_and_in_the_dashboard(charge_id, visit, staff, sandbox, deliver, outbox):
    desk, path = visit(staff("finance")), f"/admin/payments/{charge_id}"
    desk.get(path)
    assert desk.submit(f"{path}/refund", amount="1.50").status == 303
    deliver()
    sandbox.refund(charge_id, 100)  # in the Dashboard
    deliver()
    assert (rows(), left()) == ([("refund", -150), ("refund", -100)], 250)
    page = desk.get(path)
    assert page.form(f"{path}/refund").fields["amount"] == "2.50"
    assert "The largest amount is $2.50." in desk.submit(f"{path}/refund", amount="2.51").errors()["amount"]
    desk.get(path)
    form = desk.page.form(f"{path}/refund")
    assert [desk.post(form.action, form.fields).status for _ in range(2)] == [303, 303]  # pressed twice
    deliver()
    assert (rows(), left()) == ([("refund", -250), ("refund", -150), ("refund", -100)], 0)
    assert f"{path}/refund" not in [form.action for form in desk.get(path).forms()]
    mails = [one for one in outbox() if one.key.startswith("refund:")]
    assert sorted(one.subject for one in mails) == [f"${amount} is on its way back to you" for amount in ("1.00", "1.50", "2.50")]
    assert sandbox.complaints == []


@pytest.mark.parametrize("frequency", ["once", "month"])
def test_62_a_refund_that_fails_comes_back_as_a_row_of_its_own(visit, sandbox, deliver, outbox, frequency):
    contribute(visit(), sandbox, FAILS, frequency=frequency)
    deliver()
    charge_id = list(sandbox.world.store.all("charge"))[-1]["id"]
    sandbox.freeze(sandbox.world.now())  # the bank sends it back a second later, which a busy machine spends before the next look
    sandbox.refund(charge_id, 1000)
    deliver()
    assert (rows(), left()) == ([("refund", -1000)], 1500)
    sandbox.advance(60)
    deliver()
    assert (rows(), left()) == ([("refund", -1000), ("refund_failed", 1000)], 2500)
    assert db.session.scalars(select(Contribution.refunded)).one() == 0
    assert len([one for one in outbox() if one.key.startswith("refund:")]) == 1


def test_a_pending_refund_is_booked_once_when_it_arrives(visit, sandbox, deliver):
    contribute(visit(), sandbox, PENDING)
    deliver()
    sandbox.refund(list(sandbox.world.store.all("charge"))[-1]["id"])
    deliver()
    before = rows()
    sandbox.advance(6 * 24 * 3600)
    deliver()
    assert rows() == before == [("refund", -2500)]
    assert db.session.scalars(select(Contribution.status)).one() == "refunded"


@pytest.mark.parametrize("fault", [{"status": {"400": 1}}, {"status": {"500": 1}}])
def test_the_thanks_page_is_kind_whatever_stripe_says(visit, sandbox, deliver, fault):
    browser = visit()
    back = contribute(browser, sandbox)
    sandbox.faults(**fault)
    page = browser.get(back)
    sandbox.faults()
    assert page.status == 200
    assert "is being confirmed" in page.text
    deliver()
    assert "has arrived" in browser.get(back).text


@pytest.mark.parametrize("fault", [{"status": {"400": 1}}, {"status": {"500": 1}}])
def test_ending_a_monthly_one_is_kind_whatever_stripe_says(visit, sandbox, deliver, outbox, fault):
    contribute(visit(), sandbox, frequency="month")
    deliver()
    (mail,) = [one for one in outbox() if one.key.startswith("receipt:")]
    path = next(word for word in mail.text.split() if "/contribute/monthly/" in word).removeprefix("http://localhost")
    browser = visit()
    browser.get(path)
    sandbox.faults(**fault)
    page = browser.submit(f"{path}/end")
    sandbox.faults()
    assert page.status == 503
    assert "It has not ended yet." in page.text
    browser.get(path)
    assert "has ended" in browser.submit(f"{path}/end", follow=True).text


def test_what_went_back_is_seen_where_people_look(visit, sandbox, deliver, make_account, staff):
    put_on_sale(sandbox)
    account = make_account("gus@guest.example")
    public_id, reader = account.public_id, visit(account)
    subscribe(visit, sandbox, deliver, account)
    charge = list(sandbox.world.store.all("charge"))[-1]["id"]
    assert "paid back" not in reader.get("/account/").text
    sandbox.refund(charge, 350)
    deliver()
    assert "$3.50 paid back" in reader.get("/account/").text
    assert "$3.50 paid back" in visit(staff("finance")).get(f"/admin/members/{public_id}").text


@pytest.mark.parametrize("last", ["charge.succeeded", "invoice.paid"])
def test_what_she_pays_after_a_refund_counts_whichever_is_told_last(visit, sandbox, deliver, make_account, last):
    """All of the period was given back, then she bought seats: of the payment only its Charge tells, perhaps last of all."""
    put_on_sale(sandbox)
    account = make_account()
    account_id, browser = account.id, visit(account)
    subscribe(visit, sandbox, deliver, account)
    sandbox.refund(list(sandbox.world.store.all("charge"))[-1]["id"])
    deliver()
    assert not entitled(account_id)
    browser.get("/account/group")
    assert browser.submit("/account/group/seats", seats="3").status == 303
    told = sorted(sandbox.take_deliveries(), key=lambda one: json.loads(one.body)["type"] == last)
    assert {"charge.succeeded", "invoice.paid"} <= {json.loads(one.body)["type"] for one in told}
    for one in told:
        assert deliver(deliveries=[one]) == [200]
    assert entitled(account_id)
