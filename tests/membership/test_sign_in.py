"""Signing up, in and out, as visits."""

from typing import Any

import pytest
import sqlalchemy as sa

from kit.database import db
from membership import accounts, passwords
from membership.models import Account, LoginSession
from tests.beside import beside
from tests.factories import PASSWORD


def test_sign_up_confirm_by_mail_and_read_own_page(visitor: Any, outbox: Any) -> None:
    page = visitor.get("/account/sign-up?next=/subscribe")
    assert page.status == 200
    page = visitor.submit("/account/sign-up", email="Ann@Reader.example", name="Ann", password=PASSWORD, follow=True)
    assert page.status == 200
    assert "We wrote to Ann@Reader.example" in page.text
    mail = outbox()[0]
    assert mail.recipient == "Ann@reader.example"
    link = next(word for word in mail.text.split() if "/account/verify/" in word)
    page = visitor.get(link.removeprefix("http://localhost"))
    assert page.status == 200
    page = visitor.submit("/account/verify/")
    assert (page.status, page.location) == (303, "/subscribe")
    page = visitor.get("/account/")
    assert page.status == 200
    assert "Hello, Ann" in page.text
    me = visitor.get("/api/v1/me").response.json
    assert me["email"] == "Ann@reader.example"
    assert me["membership"]["status"] == "none"


def test_password_sign_in_and_out(visitor: Any, make_account: Any) -> None:
    make_account("ann@reader.example", password=PASSWORD)
    visitor.get("/account/sign-in")
    page = visitor.submit("/account/sign-in", email="ANN@reader.example", password=PASSWORD)
    assert (page.status, page.location) == (303, "/account/")
    assert visitor.get("/account/").status == 200
    page = visitor.submit("/account/sign-out")
    assert page.status == 303
    assert visitor.get("/account/").status == 303


def test_a_password_that_changes_while_it_is_checked_signs_nobody_in(
    app: Any, visitor: Any, make_account: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever changed it signed every device out: one that begins a moment later would outlive that."""
    account_id = make_account("ann@reader.example", password=PASSWORD).id
    matches = passwords.matches

    def change() -> None:
        with app.app_context():
            accounts.set_password(db.session.get_one(Account, account_id), passwords.hashed("another long password indeed"))
            db.session.commit()

    def slow(typed: str, stored: str | None) -> bool:
        fits = matches(typed, stored)
        monkeypatch.undo()
        beside(change)
        return fits

    monkeypatch.setattr(passwords, "matches", slow)
    visitor.get("/account/sign-in")
    assert visitor.submit("/account/sign-in", email="ann@reader.example", password=PASSWORD).status == 409
    db.session.rollback()
    assert db.session.scalars(sa.select(LoginSession)).all() == []
