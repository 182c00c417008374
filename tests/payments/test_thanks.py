"""Thanks in public: only with consent that was given for it, once staff has read it, and never against her will."""

import pytest
from sqlalchemy import select

from kit.database import db
from payments.models import Contribution, Receipt
from tests.payments.givers import GUEST, contribute

SAID = {"name": "Quillon Ash", "message": "For <b>the</b> ferry", "publish": "y", "dedication_kind": "memory", "dedication": "Ada *Bell*"}


def only(model=Contribution):
    db.session.rollback()
    return db.session.scalars(select(model)).one()


@pytest.fixture
def allowed(visit, sandbox, deliver) -> Contribution:
    contribute(visit(), sandbox, **SAID)
    deliver()
    return only()


def names(visit) -> str:
    return visit().get("/contribute/thanks-to").text


def test_consent_then_approval_then_withdrawal(allowed, visit, staff):
    assert allowed.consented_at is not None
    assert "Quillon" not in names(visit)
    desk = visit(staff("editor"))
    assert "Quillon Ash" in desk.get("/admin/thanks/").text
    desk.submit(f"/admin/thanks/{allowed.public_id}", follow=True)
    page = visit().get("/contribute/thanks-to")
    assert "Quillon Ash, in memory of Ada *Bell*" in page.text
    assert "For <b>the</b> ferry" in page.text  # as text
    for secret in ("25.00", "gus@guest.example"):
        assert secret not in page.html
    assert (only().approved_at is not None, only().approved_by is not None) == (True, True)
    receipt = only(Receipt)
    hers = visit()
    assert "In memory of Ada *Bell*" in hers.get(f"/account/receipts/{receipt.public_id}").text
    hers.submit(f"/account/receipts/{receipt.public_id}/unthank", follow=True)
    assert "Quillon" not in names(visit)
    assert only().withdrawn_at is not None
    desk.get("/admin/thanks/")
    answer = desk.post(f"/admin/thanks/{allowed.public_id}", {"do": "approve"}, follow=True)
    assert "cannot be shown any more" in answer.text
    assert "Quillon" not in names(visit)


def test_staff_takes_it_down(allowed, visit, staff):
    desk = visit(staff("support"))
    desk.get("/admin/thanks/")
    desk.submit(f"/admin/thanks/{allowed.public_id}")
    assert "Quillon" in names(visit)
    desk.get("/admin/thanks/")
    desk.submit(f"/admin/thanks/{allowed.public_id}")
    assert "Quillon" not in names(visit)


@pytest.mark.parametrize("typed", [{"publish": ""}, {"publish": "", "anonymous": "y"}])
def test_without_consent_nobody_can_show_it(visit, sandbox, deliver, staff, typed):
    contribute(visit(), sandbox, **{**SAID, **typed})
    deliver()
    assert only().consented_at is None
    desk = visit(staff("owner"))
    assert "Quillon" not in desk.get("/admin/thanks/").text
    desk.post(f"/admin/thanks/{only().public_id}", {"do": "approve"})
    assert only().approved_at is None
    assert "Quillon" not in names(visit)


def test_money_given_back_is_not_thanked_for(allowed, visit, staff, sandbox, deliver):
    desk = visit(staff("owner"))
    desk.get("/admin/thanks/")
    desk.submit(f"/admin/thanks/{allowed.public_id}")
    sandbox.refund(list(sandbox.world.store.all("charge"))[-1]["id"])
    deliver()
    assert "Quillon" not in names(visit)


def test_what_was_promised_and_not_paid_waits_for_nobody(visit, sandbox, staff):
    browser = visit()
    browser.get("/contribute")
    assert browser.submit("/contribute/checkout", **{**GUEST, **SAID}).status == 303
    assert "Quillon" not in visit(staff("owner")).get("/admin/thanks/").text


@pytest.mark.parametrize(
    ("typed", "field", "words"),
    [
        ({"publish": "y", "anonymous": "y", "name": "Gus"}, "publish", "Untick one of the two"),
        ({"publish": "y", "name": ""}, "publish", "Enter the name that we may show"),
        ({"dedication_kind": "memory", "dedication": ""}, "dedication", "Enter the name to which it is dedicated"),
        ({"dedication_kind": "", "dedication": "Ada"}, "dedication_kind", "Choose in memory of or in honour of"),
        ({"dedication_kind": "party", "dedication": "Ada"}, "dedication_kind", "or no dedication"),
        ({"dedication_kind": "honour", "dedication": "x" * 201}, "dedication", "too long"),
    ],
)
def test_each_refusal_at_its_field_with_what_was_typed(visit, typed, field, words):
    browser = visit()
    browser.get("/contribute")
    page = browser.submit("/contribute/checkout", **{**GUEST, **typed})
    assert page.status == 422
    assert words in page.text
    assert "dedication" not in typed or page.form("/contribute/checkout").fields["dedication"] == typed["dedication"]
    db.session.rollback()
    assert list(db.session.scalars(select(Contribution))) == []


def test_M10_nobody_else_gets_a_mail_for_a_dedication(allowed, outbox):
    assert {one.recipient for one in outbox()} == {"gus@guest.example"}


def test_a_stranger_takes_nobody_s_name_off(visit, allowed):
    assert visit().post("/account/receipts/" + "0" * 32 + "/unthank").status == 404
    assert only().withdrawn_at is None
