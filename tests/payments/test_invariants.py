"""What must always hold: true of a life with money in it, found when it is broken, told by doctor and by mail."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
import time_machine

from kit import clock
from kit.cli import doctor
from kit.database import db
from membership import memberships
from membership.models import Membership, MembershipInterval
from payments import invariant_jobs, invariants
from payments.models import Contribution, Customer, LedgerEntry, Receipt, StripeEvent, Subscription
from tests import factories
from tests.mutants import mutated
from tests.payments.givers import contribute
from tests.payments.readers import put_on_sale, subscribe


def broken() -> set[str]:
    db.session.rollback()
    try:
        return {one.name for one, _said in invariants.check()}
    finally:
        db.session.rollback()


@pytest.fixture
def reader(app: Any, visit: Any, sandbox: Any, deliver: Any, make_account: Any) -> Any:
    put_on_sale(sandbox)
    account = make_account("ann@reader.example")
    subscribe(visit, sandbox, deliver, account)
    db.session.rollback()
    return account


def test_they_hold_of_a_reader_who_pays(reader: Any) -> None:
    assert broken() == set()


@pytest.mark.parametrize(
    ("name", "breaks"),
    [
        ("gates", lambda: sa.update(Membership).values(access_until=None, access_from=None)),
        ("gates", lambda: sa.update(Membership).values(access_until=clock.now() + timedelta(days=90))),
        ("one snapshot a source", lambda: sa.update(Subscription).values(ended_at=clock.now())),
        ("one snapshot a source", lambda: sa.update(Customer).values(account_id=factories.make_account("ben@reader.example").id)),
        ("receipts", lambda: sa.update(Receipt).values(amount=Receipt.amount + 1)),
        ("receipts", lambda: sa.delete(Receipt)),
        ("money back", lambda: _more("refund", -600)),
        ("money back", lambda: _more("refund_failed", 100)),
        ("one purpose a charge", lambda: _more("refund", -100, purpose="unknown")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_is_found_when_it_is_broken(reader: Any, name: str, breaks: Any) -> None:
    db.session.execute(breaks())
    db.session.commit()
    assert broken() == {name}


def test_a_gate_beyond_what_is_paid_is_found_though_row_and_sources_agree_on_it(reader: Any) -> None:
    account_id = reader.id
    db.session.rollback()
    with mutated("open-beyond-what-is-paid"):
        memberships.derive(account_id)
        db.session.commit()
        found = [(one.name, said.rpartition(", ")[2]) for one, said in invariants.check()]
        db.session.rollback()
    assert found == [("gates", "beyond what is paid and the grace")]


@pytest.mark.parametrize("broken_as", [{"refunded": Contribution.refunded + 1}, {"status": "refunded", "refunded": 5}], ids=["more", "all"])
def test_a_contribution_of_which_the_ledger_says_another_thing_is_found(
    app: Any, visitor: Any, sandbox: Any, deliver: Any, broken_as: Any
) -> None:
    put_on_sale(sandbox)
    contribute(visitor, sandbox)
    deliver()
    assert broken() == set()
    db.session.execute(sa.update(Contribution).values(**broken_as))
    db.session.commit()
    assert broken() == {"contributions"}


def test_a_contribution_that_is_paid_without_a_payment_is_found(app: Any, visitor: Any, sandbox: Any) -> None:
    put_on_sale(sandbox)
    contribute(visitor, sandbox)
    db.session.execute(sa.update(Contribution).values(status="paid", paid_at=clock.now()))
    db.session.commit()
    assert broken() == {"contributions"}


def test_a_charge_is_found_by_its_index(app: Any) -> None:
    """And not by going through all of the account's rows for each row: on a ledger of 70,000 that took minutes, every ten minutes."""
    if db.engine.dialect.name != "sqlite":
        pytest.skip("an empty table's plan says nothing on PostgreSQL")
    query = str(invariants._other_purposes().compile(db.engine))
    plan = db.session.connection().exec_driver_sql(f"explain query plan {query}", ("payment",) * query.count("?")).all()
    assert [step[-1] for step in plan if "SEARCH" in step[-1] and "ix_ledger_entry_charge_id" in step[-1]], plan
    db.session.rollback()


def test_an_interval_twice_is_found(reader: Any) -> None:
    row = db.session.scalars(sa.select(MembershipInterval)).one()
    columns = {c.name: getattr(row, c.name) for c in MembershipInterval.__table__.columns if c.name != "id"}
    db.session.add(MembershipInterval(**columns))
    db.session.commit()
    assert broken() == {"histories"}


def test_an_event_that_waits_for_hours_is_found(reader: Any) -> None:
    db.session.execute(sa.update(StripeEvent).values(state="new"))
    db.session.commit()
    assert broken() == set()
    with time_machine.travel(clock.now() + timedelta(hours=2)):
        assert broken() == {"events applied"}


def test_the_doctor_names_it_and_fails(app: Any, reader: Any) -> None:
    assert app.test_cli_runner().invoke(doctor, ["--invariants"]).exit_code == 0
    db.session.execute(sa.update(Membership).values(access_until=None, access_from=None))
    db.session.commit()
    said = app.test_cli_runner().invoke(doctor, ["--invariants"])
    assert said.exit_code == 1
    assert "FAIL gates: Every gate is open as long as its sources say" in said.output
    assert "ok   receipts" in said.output


def test_the_job_tells_once_a_day_and_changes_nothing(app: Any, reader: Any, outbox: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.config, "ADMIN_EMAIL", "desk@reader.example")
    invariant_jobs.check_invariants()
    before = len(outbox())
    db.session.execute(sa.update(Membership).values(access_until=None, access_from=None))
    db.session.commit()
    invariant_jobs.check_invariants()
    invariant_jobs.check_invariants()
    (mail,) = outbox()[before:]
    assert mail.recipient == "desk@reader.example"
    assert "gates" in mail.subject
    db.session.rollback()
    assert broken() == {"gates"}


def _more(kind: str, amount: int, purpose: str = "subscription") -> Any:
    payment = db.session.scalars(sa.select(LedgerEntry).where(LedgerEntry.kind == "payment")).one()
    columns = {c.name: getattr(payment, c.name) for c in LedgerEntry.__table__.columns if c.name != "id"}
    return sa.insert(LedgerEntry).values({**columns, "kind": kind, "amount": amount, "source_id": "re_made_up", "purpose": purpose})
