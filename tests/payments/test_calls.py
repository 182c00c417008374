"""Outgoing calls: written down first, one key for ever, found out when nobody answered, and a clear page meanwhile."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from kit.database import WroteAlready, db
from payments import call_jobs, calls, gateway
from payments.gateway import GatewayRefused, GatewayUnavailable, NotAsked, changing
from payments.models import CheckoutIntent, Customer, LedgerEntry, OutgoingCall, RefundIntent
from tests.payments.outgoing import forget, given, keys_forgotten, made, rows
from tests.payments.readers import press, put_on_sale, subscribe, subscription_of

ANN = {"email": "ann@reader.example", "metadata": {"account": "a1"}}


@pytest.fixture(autouse=True)
def on_sale(sandbox: Any) -> Any:
    put_on_sale(sandbox)
    forget()
    yield
    assert sandbox.complaints == []


@pytest.fixture
def later() -> Callable[[timedelta], None]:
    """Let so much time pass since every call and wish."""

    def pass_by(how_much: timedelta = timedelta(minutes=15)) -> None:
        db.session.rollback()
        for table in (OutgoingCall, CheckoutIntent, RefundIntent):
            for row in db.session.scalars(select(table)):
                row.created_at -= how_much
                if isinstance(row, OutgoingCall):
                    row.asked_at -= how_much
        db.session.commit()

    return pass_by


def only() -> OutgoingCall:
    db.session.rollback()
    return db.session.scalars(select(OutgoingCall)).one()


# --- written down first ------------------------------------------------------------------------------------------------


def test_a_call_is_a_row_with_its_key_before_it_is_made(sandbox: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    ask = changing.ask

    def look_and_ask(call: Any) -> Any:
        seen.append(only().state)
        db.session.rollback()
        return ask(call)

    monkeypatch.setattr(changing, "ask", look_and_ask)
    made_one = gateway.create_customer(ANN, "customer-1")
    row = only()
    assert seen == ["new"]
    assert (row.kind, row.idempotency_key, row.state, row.object_id, row.attempts) == (
        "customers.create", "customer-1", "done", made_one["id"], 1,
    )  # fmt: skip
    assert row.params == {}, "what names a reader is kept only until the answer is known"


def test_the_same_key_again_is_the_same_thing_and_asks_for_nothing_twice(sandbox: Any) -> None:
    first = gateway.create_customer(ANN, "customer-1")
    keys_forgotten(sandbox)
    assert gateway.create_customer(ANN, "customer-1")["id"] == first["id"]
    assert len(made(sandbox, "customer")) == 1


def test_a_key_for_something_else_is_our_mistake_and_stripe_is_not_asked(sandbox: Any) -> None:
    with pytest.raises(GatewayRefused):
        gateway.create_refund({"charge": "ch_none", "amount": 100}, "refund-1")
    before = len(sandbox.requests)
    with pytest.raises(GatewayRefused) as error:
        gateway.create_refund({"charge": "ch_none", "amount": 200}, "refund-1")
    assert (error.value.code, len(sandbox.requests)) == ("idempotency_error", before)


def test_what_has_no_key_of_its_own_gets_the_row_s(sandbox: Any, visit: Any, deliver: Any, make_account: Any) -> None:
    account = make_account()
    subscription_id = subscribe(visit, sandbox, deliver, account)
    gateway.update_subscription(subscription_id, {"cancel_at_period_end": True})
    asked = [one for one in sandbox.requests if one["path"] == f"/v1/subscriptions/{subscription_id}" and one["method"] == "POST"]
    db.session.rollback()
    row = db.session.scalars(select(OutgoingCall).where(OutgoingCall.kind == "subscriptions.update")).one()
    assert asked[-1]["idempotency_key"] == row.idempotency_key
    assert row.subject_id == subscription_id


def test_a_transaction_that_wrote_is_not_lost_and_not_held_open(make_account: Any, sandbox: Any) -> None:
    account = make_account()
    account.name = "Quillon"
    db.session.flush()
    with pytest.raises(WroteAlready):
        gateway.create_customer(ANN, "customer-1")
    db.session.rollback()
    assert db.session.get(type(account), account.id) is not None  # only read: that is ended
    gateway.create_customer(ANN, "customer-1")
    assert not db.session().in_transaction()


# --- found out ---------------------------------------------------------------------------------------------------------


def test_S01_a_line_that_breaks_after_it_was_done_leaves_one_session_for_the_wish(visit, make_account, sandbox, later) -> None:
    browser = visit(make_account())
    sandbox.faults(**{"reset-after-commit": 1.0, "paths": "checkout/sessions"})
    assert browser.post("/subscribe/checkout", {"plan": "reader-monthly"}).status == 503
    assert rows() == [("customers.create", "done"), ("checkout.sessions.create", "unknown")]
    sandbox.faults()
    later()
    call_jobs.resolve_calls()
    assert rows()[-1] == ("checkout.sessions.create", "done")
    (session,) = made(sandbox, "checkout.session")
    intent = db.session.scalars(select(CheckoutIntent)).one()
    assert (intent.state, intent.session_id) == ("open", session["id"])
    assert press(browser) == session["id"], "and she goes on where she was"


def test_S02_too_many_requests_are_waited_out_with_the_same_key(sandbox: Any) -> None:
    sandbox.faults(status={"429": 1.0}, times=2)
    gateway.create_customer(ANN, "customer-1")
    asked = [one for one in sandbox.requests if one["path"] == "/v1/customers"][-3:]
    assert [(one["status"], one["idempotency_key"]) for one in asked] == [(429, "customer-1"), (429, "customer-1"), (200, "customer-1")]


def test_S03_a_fault_saved_under_our_key_is_never_got_round_by_another_key(visit, staff, sandbox, deliver, later) -> None:
    contribution = given(visit, sandbox, deliver)
    desk = visit(staff("finance"))
    desk.get(f"/admin/contributions/{contribution.public_id}")
    sandbox.faults(**{"sticky-500": 1.0, "paths": "refunds", "times": 1})
    page = desk.submit(f"/admin/contributions/{contribution.public_id}/refund", amount="10")
    assert page.status == 503
    sandbox.faults()
    assert desk.submit(f"/admin/contributions/{contribution.public_id}/refund").status == 503, "Stripe answers the same for a day"
    for _ in range(3):
        later()
        call_jobs.resolve_calls()
        assert rows()[-1] == ("refunds.create", "unknown")
    fresh = desk.get(f"/admin/contributions/{contribution.public_id}")
    assert fresh.status == 200
    page = desk.submit(f"/admin/contributions/{contribution.public_id}/refund", amount="12")
    assert "That comes first" in page.errors()["amount"]
    later(timedelta(hours=24))
    keys_forgotten(sandbox)
    call_jobs.resolve_calls()
    assert rows()[-1] == ("refunds.create", "refused"), "looked for, not asked for: it never happened"
    assert db.session.scalars(select(RefundIntent.state)).all() == ["failed"]
    assert made(sandbox, "refund") == []
    assert len({one["idempotency_key"] for one in sandbox.requests if one["path"] == "/v1/refunds" and one["method"] == "POST"}) == 1


def test_S04_a_day_later_it_is_looked_for_and_not_asked_again(visit, staff, sandbox, deliver, later) -> None:
    contribution = given(visit, sandbox, deliver)
    desk = visit(staff("finance"))
    desk.get(f"/admin/contributions/{contribution.public_id}")
    sandbox.faults(**{"reset-after-commit": 1.0, "paths": "refunds"})
    assert desk.submit(f"/admin/contributions/{contribution.public_id}/refund", amount="10").status == 503
    sandbox.faults()
    form = desk.page.form(f"/admin/contributions/{contribution.public_id}/refund")
    later(timedelta(hours=25))
    keys_forgotten(sandbox)
    assert desk.post(form.action, form.fields).status == 303, "the same form, sent a day later, finds what it did"
    call_jobs.resolve_calls()
    assert [one["amount"] for one in made(sandbox, "refund")] == [1000]
    assert rows()[-1] == ("refunds.create", "done")
    deliver()
    assert db.session.scalars(select(LedgerEntry.amount).where(LedgerEntry.kind == "refund")).all() == [-1000]
    assert db.session.scalars(select(RefundIntent.state)).all() == ["done"]


def test_a_process_killed_before_it_asked_leaves_a_wish_that_is_closed(visit, make_account, sandbox, later, monkeypatch) -> None:
    class Killed(BaseException):
        pass

    def die(_call: Any) -> None:
        raise Killed

    browser = visit(make_account())
    with monkeypatch.context() as dying:
        dying.setattr(changing, "ask", die)
        with pytest.raises(Killed):
            browser.post("/subscribe/checkout", {"plan": "reader-monthly"})
    assert rows() == [("customers.create", "new")]
    later()
    call_jobs.resolve_calls()
    assert rows() == [("customers.create", "done")]
    assert db.session.scalars(select(CheckoutIntent.state)).all() == ["failed"], "its Session was never asked for"
    assert [one.account_id is not None for one in db.session.scalars(select(Customer))] == [True]
    assert press(browser)
    assert len(made(sandbox, "customer")) == 1


def test_a_later_wish_is_not_undone_by_finding_out_about_an_earlier_one(visit, make_account, sandbox, deliver, later) -> None:
    account = make_account()
    subscription_id = subscribe(visit, sandbox, deliver, account)
    sandbox.faults(reset=1.0, methods=["POST"], paths="subscriptions")
    with pytest.raises(GatewayUnavailable):
        gateway.update_subscription(subscription_id, {"cancel_at_period_end": True})
    sandbox.faults()
    gateway.update_subscription(subscription_id, {"cancel_at_period_end": False})
    later()
    call_jobs.resolve_calls()
    assert [state for kind, state in rows() if kind == "subscriptions.update"] == ["refused", "done"]
    assert sandbox.get(subscription_id)["cancel_at_period_end"] is False


def test_an_end_that_nobody_answered_is_found_and_flows_in(visit, make_account, sandbox, deliver, later) -> None:
    account = make_account()
    subscription_id = subscribe(visit, sandbox, deliver, account)
    sandbox.faults(**{"reset-after-commit": 1.0, "methods": ["POST"], "paths": "subscriptions"})
    with pytest.raises(GatewayUnavailable):
        gateway.update_subscription(subscription_id, {"cancel_at_period_end": True})
    sandbox.faults()
    later()
    call_jobs.resolve_calls()
    assert [state for kind, state in rows() if kind == "subscriptions.update"] == ["done"]
    assert subscription_of(account.id).ends_at is not None


def test_what_nothing_tells_waits_for_staff_who_says_what_it_was(visit, staff, make_account, sandbox, later) -> None:
    sandbox.faults(reset=1.0)
    with pytest.raises(GatewayUnavailable):
        gateway.create_customer({"email": "x@reader.example"}, "customer-without-a-mark")
    sandbox.faults()
    later(timedelta(hours=24))
    call_jobs.resolve_calls()
    assert rows() == [("customers.create", "given_up")]
    with pytest.raises(GatewayUnavailable):
        gateway.create_customer({"email": "x@reader.example"}, "customer-without-a-mark")
    desk = visit(staff("support"))
    page = desk.get("/admin/calls/")
    assert "Look for it in Stripe's Dashboard" in page.text
    action = f"/admin/calls/{only().id}/settle"
    page = desk.submit(action, happened="no", note="")
    assert (page.status, "what you found" in page.errors()["note"]) == (422, True)
    assert desk.submit(action, happened="no", note="Not in the Dashboard.").status == 303
    assert (only().state, only().note, only().settled_by is not None) == ("refused", "Not in the Dashboard.", True)
    assert desk.post(action, {"happened": "yes", "note": "again"}).status == 409


def test_staff_has_it_asked_again(visit, staff, sandbox, drain, later) -> None:
    sandbox.faults(reset=1.0)
    with pytest.raises(GatewayUnavailable):
        gateway.create_customer(ANN, "customer-1")
    sandbox.faults()
    later()
    desk = visit(staff("finance"))
    desk.get("/admin/calls/")
    desk.submit(f"/admin/calls/{only().id}/again", follow=True)
    drain()
    assert rows() == [("customers.create", "done")]


@pytest.mark.parametrize(("role", "status"), [(None, 404), ("editor", 403), ("support", 200), ("finance", 200), ("owner", 200)])
def test_who_sees_the_calls(visit, make_account, role, status) -> None:
    assert visit(make_account(role=role)).get("/admin/calls/").status == status


def test_what_is_long_known_is_forgotten_and_what_is_open_is_not(sandbox: Any, later: Any) -> None:
    gateway.create_customer(ANN, "customer-1")
    with pytest.raises(GatewayRefused):
        gateway.expire_checkout_session("cs_none")
    sandbox.faults(reset=1.0)
    with pytest.raises(GatewayUnavailable):
        gateway.create_customer({**ANN, "metadata": {"account": "a2"}}, "customer-2")
    later(timedelta(days=91))
    call_jobs.sweep_calls()
    assert rows() == [("customers.create", "unknown")]


# --- while Stripe is away ----------------------------------------------------------------------------------------------


def test_S11_a_key_that_was_revoked_loses_nothing(visit, make_account, sandbox, later) -> None:
    browser = visit(make_account())
    sandbox.faults(status={"401": 1.0})
    assert browser.post("/subscribe/checkout", {"plan": "reader-monthly"}).status == 503
    later()
    call_jobs.resolve_calls()
    assert rows() == [("customers.create", "unknown")]
    sandbox.faults()
    later()
    call_jobs.resolve_calls()
    assert rows() == [("customers.create", "done")]
    assert press(browser)


def test_what_was_not_asked_did_not_happen_unless_it_was_asked_before(sandbox: Any) -> None:
    asked = calls.begin("customers.create", ANN, subject="", key="customer-1")
    calls.not_asked(asked)
    assert (only().state, only().error_code) == ("refused", "not_asked")
    asked = calls.begin("customers.create", ANN, subject="", key="customer-1")
    calls.unanswered(asked)
    calls.not_asked(calls.begin("customers.create", ANN, subject="", key="customer-1"))
    assert only().state == "unknown"
    assert issubclass(NotAsked, GatewayUnavailable)
