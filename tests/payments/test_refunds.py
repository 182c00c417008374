"""Staff gives money back: in part, whole, once however often the button is pressed, and never more than is left."""

import pytest
from sqlalchemy import select

from kit.database import db
from payments.models import Contribution, LedgerEntry, RefundIntent

GUEST = {"suggested": "", "amount": "25.00", "frequency": "once", "email": "gus@guest.example"}


@pytest.fixture
def paid(visit, sandbox, deliver) -> Contribution:
    browser = visit()
    browser.get("/contribute")
    location = browser.submit("/contribute/checkout", **GUEST).headers["Location"]
    sandbox.pay(next(one["id"] for one in sandbox.world.store.all("checkout.session") if one["url"] == location))
    deliver()
    db.session.rollback()
    return db.session.scalars(select(Contribution)).one()


def refunds() -> list[int]:
    db.session.rollback()
    return list(db.session.scalars(select(LedgerEntry.amount).where(LedgerEntry.kind == "refund").order_by(LedgerEntry.id)))


def test_a_part_and_then_the_rest(visit, staff, paid, sandbox, deliver):
    desk = visit(staff("finance"))
    path = f"/admin/contributions/{paid.public_id}"
    page = desk.get(path)
    assert page.form(f"{path}/refund").fields["amount"] == "25.00"
    page = desk.submit(f"{path}/refund", amount="10", follow=True)
    assert "$10.00 is on its way back." in page.text
    assert refunds() == [-1000]
    db.session.refresh(paid)
    assert (paid.status, paid.refunded) == ("paid", 1000)
    assert page.form(f"{path}/refund").fields["amount"] == "15.00"
    page = desk.submit(f"{path}/refund", amount="15.01")
    assert (page.status, "The largest amount is $15.00." in page.errors()["amount"]) == (422, True)
    desk.submit(f"{path}/refund", amount="15.00", follow=True)
    deliver()
    assert refunds() == [-1000, -1500]
    db.session.refresh(paid)
    assert (paid.status, paid.refunded) == ("refunded", 2500)
    assert f"{path}/refund" not in [form.action for form in desk.get(path).forms()]
    assert sandbox.complaints == []


@pytest.mark.parametrize("amount", ["", "0", "-5", "25.01", "1e3", "x", "1,000"])
def test_a_bad_amount_is_named_and_kept_and_nothing_is_paid_back(visit, staff, paid, amount):
    desk = visit(staff("finance"))
    path = f"/admin/contributions/{paid.public_id}"
    desk.get(path)
    page = desk.submit(f"{path}/refund", amount=amount)
    assert page.status == 422
    assert set(page.errors()) == {"amount"}
    assert page.form(f"{path}/refund").fields["amount"] == amount
    assert refunds() == []


def test_the_button_pressed_twice_is_one_refund(visit, staff, paid, sandbox):
    desk = visit(staff("owner"))
    desk.get(f"/admin/contributions/{paid.public_id}")
    form = desk.page.form(f"/admin/contributions/{paid.public_id}/refund")
    for _ in range(2):
        desk.post(form.action, {**form.fields, "amount": "10"})
    assert refunds() == [-1000]


def test_no_answer_from_stripe_then_again_is_one_refund(visit, staff, paid, sandbox, deliver):
    desk = visit(staff("finance"))
    path = f"/admin/contributions/{paid.public_id}"
    desk.get(path)
    sandbox.faults(**{"reset-after-commit": 1, "paths": "refunds"})
    page = desk.submit(f"{path}/refund", amount="10")
    assert page.status == 503
    assert "cannot be paid back twice" in page.text
    sandbox.faults()
    assert desk.submit(f"{path}/refund").status == 303
    deliver()
    assert refunds() == [-1000]
    assert [one.state for one in db.session.scalars(select(RefundIntent))] == ["done"]


def test_what_stripe_refuses_is_said(visit, staff, paid, sandbox):
    desk = visit(staff("finance"))
    path = f"/admin/contributions/{paid.public_id}"
    desk.get(path)
    sandbox.faults(status={"400": 1}, paths="refunds")
    page = desk.submit(f"{path}/refund", amount="10")
    assert page.status == 422
    assert "Stripe refuses" in page.text
    assert refunds() == []


@pytest.mark.parametrize(
    ("role", "see", "refund"), [(None, 404, 404), ("editor", 403, 403), ("support", 200, 403), ("finance", 200, 400), ("owner", 200, 400)]
)
def test_who_may(visit, make_account, paid, role, see, refund):
    browser = visit(make_account(role=role))
    path = f"/admin/contributions/{paid.public_id}"
    assert browser.get(path).status == see
    assert browser.post(f"{path}/refund", {"payment": "ch_foreign", "amount": "1", "reason": "duplicate"}).status == refund


def test_a_stranger_is_sent_to_sign_in(visitor, paid):
    assert visitor.get("/admin/contributions/").status == 303
    assert visitor.get("/admin/ledger/").status == 303


def test_who_asked_not_to_be_named_is_named_to_bookkeeping_only(visit, make_account, paid):
    paid.name, paid.anonymous = "Quillon", True
    db.session.commit()
    for role, seen in (("support", False), ("finance", True)):
        browser = visit(make_account(role=role))
        for path in ("/admin/contributions/", f"/admin/contributions/{paid.public_id}", "/admin/contributions/?status=paid"):
            html = browser.get(path).html
            assert ("Quillon" in html) is seen
            assert "gus@guest.example" not in html or seen


def test_who_paid_is_told_once(visit, staff, paid, sandbox, deliver, outbox):
    desk = visit(staff("finance"))
    desk.get(f"/admin/contributions/{paid.public_id}")
    desk.submit(f"/admin/contributions/{paid.public_id}/refund", amount="10")
    deliver()
    (mail,) = [one for one in outbox() if one.key.startswith("refund:")]
    assert (mail.recipient, mail.subject) == ("gus@guest.example", "$10.00 is on its way back to you")
    assert "Paid back since" in visit().get(mail.text.rsplit("http://localhost", 1)[1].strip()).text
