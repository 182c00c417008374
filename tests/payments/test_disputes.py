"""Disputes: a row each as Stripe has it, booked by what they moved, shown to staff with the day on which they are due."""

import itertools

import pytest
from sqlalchemy import select

from kit.database import db
from payments import invariants, refunds
from payments.models import Contribution, Dispute, LedgerEntry
from tests.payments.givers import contribute

BACK = ("refund", "refund_failed", "dispute", "dispute_reversal")


@pytest.fixture
def charge_id(visit, sandbox, deliver) -> str:
    contribute(visit(), sandbox)
    deliver()
    return list(sandbox.world.store.all("charge"))[-1]["id"]


def rows() -> list[tuple[str, int]]:
    db.session.rollback()
    return sorted((row.kind, row.amount) for row in db.session.scalars(select(LedgerEntry)) if row.kind in BACK)


def only() -> Dispute:
    db.session.rollback()
    return db.session.scalars(select(Dispute)).one()


def given() -> Contribution:
    db.session.rollback()
    return db.session.scalars(select(Contribution)).one()


def test_opened_then_won(charge_id, sandbox, deliver):
    dispute = sandbox.dispute(charge_id, "product_not_received")
    deliver()
    found = only()
    assert (found.charge_id, found.status, found.reason, found.amount, found.currency, found.inquiry) == (
        charge_id, "needs_response", "product_not_received", 2500, "usd", False,
    )  # fmt: skip
    assert found.due_by is not None
    assert rows() == [("dispute", -2500)]
    assert (given().status, given().refunded) == ("refunded", 2500)
    sandbox.dispute_won(dispute["id"])
    deliver()
    assert only().status == "won"
    assert rows() == [("dispute", -2500), ("dispute_reversal", 2500)]
    assert (given().status, given().refunded) == ("paid", 0)


def test_opened_then_lost(charge_id, sandbox, deliver):
    sandbox.dispute_lost(sandbox.dispute(charge_id)["id"])
    deliver()
    assert only().status == "lost"
    assert rows() == [("dispute", -2500)]


def test_an_inquiry_moves_nothing(charge_id, sandbox, deliver):
    asked = sandbox.inquiry(charge_id)
    deliver()
    assert (only().status, only().inquiry, rows()) == ("warning_needs_response", True, [])
    sandbox.dispute_withdrawn(asked["id"])
    deliver()
    assert (only().status, rows(), given().status) == ("warning_closed", [], "paid")


def set_status(sandbox, dispute: dict, status: str) -> None:
    with sandbox.world.lock, sandbox.world.changing(sandbox.world.need("dispute", dispute["id"]), "charge.dispute.updated") as found:
        found["status"] = status


@pytest.mark.parametrize("status", ["appeal_needs_response", "appeal_under_review"])
def test_the_newer_statuses_are_mirrored(charge_id, sandbox, deliver, status, visit, staff):
    """An appeal: the money stays where it is, gone."""
    dispute = sandbox.dispute(charge_id)
    set_status(sandbox, dispute, status)
    deliver()
    assert only().status == status
    assert (rows(), given().status) == ([("dispute", -2500)], "refunded")
    assert visit(staff("finance")).get("/admin/disputes/?which=all").status == 200


def test_one_that_was_prevented_moves_nothing(charge_id, sandbox, deliver, visit, staff):
    asked = sandbox.inquiry(charge_id)
    set_status(sandbox, asked, "prevented")
    deliver()
    assert (only().status, only().inquiry) == ("prevented", False)
    assert (rows(), given().status, given().refunded) == ([], "paid", 0)
    desk = visit(staff("finance"))
    assert "No open dispute." in desk.get("/admin/disputes/").text
    assert desk.get("/admin/disputes/?which=all").status == 200


def test_each_order_of_the_events_ends_alike(charge_id, sandbox, deliver):
    dispute = sandbox.dispute(charge_id)
    sandbox.dispute_won(dispute["id"])
    told = [one for one in sandbox.take_deliveries() if b"charge.dispute" in one.body]
    for order in list(itertools.permutations(told))[::3]:
        for one in order:
            assert deliver(deliveries=[one, one]) == [200, 200]
        assert (only().status, rows()) == ("won", [("dispute", -2500), ("dispute_reversal", 2500)])


def stands() -> tuple[str, int, int]:
    """(the contribution's status, what went back of it, what of the money is left at Stripe); what must always hold does."""
    assert [(one.name, said) for one, said in invariants.check()] == []
    found = given()
    left = sum(amount for _, amount in rows()) + 2500
    assert 0 <= found.refunded <= 2500, "nobody has back more than she gave"
    return found.status, found.refunded, left


def test_S06_refund_then_dispute_then_won_then_refund(charge_id, sandbox, deliver, visit, staff):
    """Whatever comes together on one charge: both are rows, what is left is never below nothing, and staff cannot give back more."""
    sandbox.refund(charge_id, 1000)
    dispute = sandbox.dispute(charge_id)
    deliver()
    payment = db.session.scalars(select(LedgerEntry).where(LedgerEntry.kind == "payment")).one()
    payment_id = payment.id
    assert refunds.left(payment) == 0
    assert rows() == [("dispute", -2500), ("refund", -1000)]
    # The bank took all of it, the refunded part once more: the ledger has what moved, and the contribution no more than was given.
    assert stands() == ("refunded", 2500, -1000)
    sandbox.dispute_won(dispute["id"])
    deliver()
    assert refunds.left(db.session.get_one(LedgerEntry, payment_id)) == 1500
    assert stands() == ("paid", 1000, 1500)
    desk, path = visit(staff("finance")), f"/admin/contributions/{given().public_id}"
    desk.get(path)
    page = desk.submit(f"{path}/refund", amount="15.01")
    assert (page.status, "amount" in page.errors(), stands()) == (422, True, ("paid", 1000, 1500))
    sandbox.refund(charge_id, 1500)
    deliver()
    assert refunds.left(db.session.get_one(LedgerEntry, payment_id)) == 0
    assert rows() == [("dispute", -2500), ("dispute_reversal", 2500), ("refund", -1500), ("refund", -1000)]
    assert stands() == ("refunded", 2500, 0)


def test_64_a_dispute_that_is_lost_after_a_part_was_given_back(charge_id, sandbox, deliver):
    """And the other way round: what the bank took stays taken, whatever was refunded before."""
    sandbox.refund(charge_id, 1000)
    sandbox.dispute_lost(sandbox.dispute(charge_id)["id"])
    deliver()
    assert rows() == [("dispute", -2500), ("refund", -1000)]
    assert stands()[:2] == ("refunded", 2500)


def test_staff_is_told_once_and_sees_when_it_is_due(app, charge_id, sandbox, deliver, visit, staff, outbox):
    app.config["ADMIN_EMAIL"] = "desk@ferry.example"
    try:
        dispute = sandbox.dispute(charge_id)
        deliver()
        deliver()
    finally:
        app.config["ADMIN_EMAIL"] = ""
    (mail,) = [one for one in outbox() if one.key.startswith("dispute:")]
    assert (mail.recipient, mail.subject) == ("desk@ferry.example", "Dispute about $25.00")
    assert "The bank has taken the money back for now." in mail.text
    assert "http://localhost/admin/disputes/" in mail.text
    page = visit(staff("finance")).get("/admin/disputes/")
    assert "waits for your answer" in page.text
    assert f"https://dashboard.stripe.com/test/disputes/{dispute['id']}" in page.links()
    assert f"/admin/payments/{charge_id}" in page.links()
    sandbox.dispute_lost(dispute["id"])
    deliver()
    assert "No open dispute." in visit(staff("owner")).get("/admin/disputes/").text


def test_who_may(visit, make_account):
    for role, status in ((None, 404), ("editor", 403), ("support", 403), ("finance", 200), ("owner", 200)):
        assert visit(make_account(role=role)).get("/admin/disputes/").status == status
    assert visit(make_account(role="finance")).get("/admin/disputes/?which=x").status == 404
