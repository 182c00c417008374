"""Prepared statements: the same values, the same transaction, the same exceptions as through the session."""

from typing import Any

import pytest
from flask import g
from sqlalchemy import bindparam, select
from sqlalchemy.exc import OperationalError, ProgrammingError

from kit import clock
from kit.database import db, insert_ignoring
from kit.statements import Prepared
from membership.models import Account, Membership
from payments.models import Lease

_accounts = Account.__table__
by_email = Prepared(
    lambda: select(_accounts.c.id, _accounts.c.created_at, _accounts.c.active).where(_accounts.c.email_key == bindparam("key"))
)
lease = Prepared(lambda: insert_ignoring(Lease.__table__), columns=("object_id", "owner", "leased_until", "fence"))


def test_values_come_as_through_the_session(app: Any, make_account: Any) -> None:
    account = make_account("ann@reader.example")
    found = by_email.one(key="ann@reader.example")
    assert (found.id, found.created_at, found.active) == (account.id, account.created_at, True)
    assert found.created_at.tzinfo is not None
    assert by_email.one(key="nobody@reader.example") is None


def test_what_is_not_committed_is_seen_by_its_own_transaction(app: Any, make_account: Any) -> None:
    account = make_account("ann@reader.example")
    account.email_key = "new@reader.example"
    db.session.flush()
    assert by_email.one(key="new@reader.example").id == account.id
    db.session.rollback()
    assert by_email.one(key="new@reader.example") is None


def test_a_write_lives_and_dies_with_the_sessions_transaction(app: Any) -> None:
    row = {"object_id": "cus_1", "owner": "", "leased_until": clock.now(), "fence": 0}
    assert lease.write(**row) == 1
    assert lease.write(**row) == 0
    db.session.rollback()
    assert lease.write(**row) == 1
    db.session.commit()
    assert db.session.get(Lease, "cus_1") is not None


def test_a_column_with_a_default_of_its_own_must_be_given(app: Any) -> None:
    with pytest.raises(TypeError, match="default"):
        Prepared(lambda: insert_ignoring(Lease.__table__), columns=("object_id", "leased_until")).write(
            object_id="x", leased_until=clock.now()
        )


def test_trouble_has_sqlalchemys_name(app: Any) -> None:
    """The error pages answer 503 by it, so that Stripe tries again."""
    missing = Membership.__table__.to_metadata(db.MetaData(), name="no_such_table")
    with pytest.raises((OperationalError, ProgrammingError)):
        Prepared(lambda: select(missing.c.account_id)).one()
    db.session.rollback()


def test_a_page_gives_its_connection_back(app: Any, make_article: Any) -> None:
    make_article("the-weir")
    with app.test_client() as client:
        for _ in range(20):  # more than the pool has
            assert client.get("/articles/the-weir").status_code == 200
            assert "reading" not in g
