"""`demo load` into the real tables, on both databases: whole or not at all, and true to what the rooms derive."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, func, select

from demo import load as loading
from demo.publication import DEMO_ACCOUNTS
from kit import clock
from kit.database import db
from membership import memberships
from membership.models import Account, Grant, Membership, MembershipInterval, MembershipSource
from payments import invariants
from payments.models.contributions import Contribution
from payments.models.ledger import LedgerEntry
from payments.models.receipts import Receipt
from publishing.models.articles import Article
from publishing.models.newsletter import NewsletterConsent, NewsletterSubscription

GATE = ("access_from", "access_until", "paid_until", "ends_at", "plan_key", "source", "renew_at")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A year of archive: the rest is more of the same."""
    monkeypatch.setattr(loading, "ARCHIVE_YEARS", 1)


def run(app: Flask, *args: str) -> Any:
    return app.test_cli_runner().invoke(args=["demo", "load", *args])


def count(model: Any) -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def account(email: str) -> Account:
    return db.session.scalars(select(Account).where(Account.email == email)).one()


def test_everything_is_there(app: Flask, small: None) -> None:
    done = run(app, "--readers", "60", "--months", "8", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["readers"] == count(Account) - sum(one.staff_role is not None for one in DEMO_ACCOUNTS)
    assert told["articles"] == count(Article) > 90
    assert told["intervals"] == count(MembershipInterval)
    assert told["ledger_entries"] == count(LedgerEntry)
    assert told["contributions"] == count(Contribution)
    assert count(NewsletterConsent) == 2 * count(NewsletterSubscription) > 0
    now = clock.now()
    newest = db.session.scalars(select(Article).order_by(Article.published_at.desc())).first()
    assert newest is not None
    assert newest.published_at is not None
    assert now - timedelta(days=1) < newest.published_at <= now
    assert newest.image_width


def test_what_must_always_hold_holds_of_the_demo(app: Flask, small: None) -> None:
    assert run(app, "--readers", "400", "--months", "30").exit_code == 0
    assert count(LedgerEntry) > 1000
    assert [f"{one.name}: {said}" for one, said in invariants.check()] == []


def test_the_gate_reads_what_membership_derives(app: Flask, small: None) -> None:
    run(app, "--readers", "60", "--months", "8")
    rows = db.session.scalars(select(Membership)).all()
    loaded = {row.account_id: {name: getattr(row, name) for name in GATE} for row in rows}
    assert loaded
    for account_id, row in loaded.items():
        derived = memberships.derive(account_id)
        assert {name: getattr(derived, name) for name in GATE} == row


def test_the_printed_accounts_are_what_they_say(app: Flask, small: None) -> None:
    done = run(app, "--readers", "20", "--months", "3")
    now = clock.now()
    states = {}
    for one in DEMO_ACCOUNTS:
        assert one.email in done.output
        row = account(one.email)
        assert row.role == one.staff_role
        assert row.password
        states[one.email.split("@")[0]] = memberships.describe(row.id, now)["status"]
    assert {name: states[name] for name in ("monthly", "yearly", "pastdue", "lapsed", "reader", "contributor")} == {
        "monthly": "active",
        "yearly": "ending",
        "pastdue": "past_due",
        "lapsed": "lapsed",
        "reader": "none",
        "contributor": "none",
    }
    given = db.session.scalars(select(Contribution).where(Contribution.account_id == account("contributor@reader.example").id)).all()
    assert len(given) == 3
    receipts = db.session.scalars(select(Receipt).order_by(Receipt.id)).all()
    assert len({receipt.number for receipt in receipts}) == len(receipts) > 5
    assert db.session.scalar(select(func.count()).where(LedgerEntry.kind == "payment")) == len(receipts)


def test_simulated_readers_have_no_password(app: Flask, small: None) -> None:
    run(app, "--readers", "20", "--months", "3")
    known = [one.email for one in DEMO_ACCOUNTS]
    assert db.session.scalar(select(func.count()).where(Account.password.is_not(None), Account.email.not_in(known))) == 0
    assert db.session.scalar(select(func.count()).where(Account.password.is_(None))) == 20


def test_a_used_database_is_refused(app: Flask, make_account: Any, small: None) -> None:
    make_account(email="ann@reader.example")
    done = run(app)
    assert done.exit_code == 1
    assert "readers or articles already" in done.output
    assert count(Account) == 1
    assert run(app, "--if-empty").exit_code == 0
    assert count(Account) == 1


def test_twice_is_refused_and_changes_nothing(app: Flask, small: None) -> None:
    run(app, "--readers", "5", "--months", "2")
    before = [count(model) for model in (Account, Article, LedgerEntry)]
    assert run(app, "--readers", "5", "--months", "2").exit_code == 1
    assert [count(model) for model in (Account, Article, LedgerEntry)] == before


def test_staff_who_are_there_already_do_not_stand_in_the_way(app: Flask, make_account: Any, small: None) -> None:
    make_account(email="owner@ferrybell.example", role="owner")
    assert run(app, "--readers", "5", "--months", "2").exit_code == 0
    assert account("owner@ferrybell.example").role == "owner"


def test_a_load_that_fails_leaves_nothing(app: Flask, small: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_world: Any) -> None:
        raise RuntimeError("the power failed")

    monkeypatch.setattr(loading, "_set_goals", fail)
    done = run(app, "--readers", "5", "--months", "2")
    assert done.exit_code == 1
    assert isinstance(done.exception, RuntimeError)
    db.session.remove()
    assert [count(model) for model in (Account, Article, MembershipSource, LedgerEntry, Contribution, Grant)] == [0] * 6


def test_later_rows_get_ids_of_their_own(app: Flask, make_account: Any, small: None) -> None:
    run(app, "--readers", "5", "--months", "2")
    highest = db.session.scalar(select(func.max(Account.id)))
    assert make_account(email="new@reader.example").id > highest


@pytest.mark.parametrize("args", [("--readers", "0"), ("--months", "0"), ("--readers", "many")])
def test_wrong_usage_says_so(app: Flask, args: tuple[str, ...]) -> None:
    assert run(app, *args).exit_code == 2


def test_the_ledger_of_the_demo_cannot_be_rewritten(app: Flask, small: None) -> None:
    run(app, "--readers", "5", "--months", "2")
    with pytest.raises(Exception, match=r"(?i)append|only|ledger"):
        db.session.execute(delete(LedgerEntry))
    db.session.rollback()


def test_loading_is_dated_now(app: Flask, small: None) -> None:
    done = run(app, "--readers", "30", "--months", "6")
    assert done.exit_code == 0, (done.output, done.exception)
    latest = db.session.scalar(select(func.max(LedgerEntry.occurred_at)))
    assert datetime.now(UTC) - timedelta(days=10) < latest <= datetime.now(UTC)
