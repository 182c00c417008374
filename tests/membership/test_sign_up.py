"""Making an account and proving its address; what a stranger, a scanner and an earlier impostor get out of it."""

from typing import Any

import pytest

from kit.database import db
from membership import accounts, signals, tokens
from membership.models import Account
from tests.beside import beside
from tests.factories import PASSWORD
from tests.membership.letters import newest_to, path_in

ANN = "ann@reader.example"


def sign_up(browser: Any, email: str = ANN, password: str = PASSWORD, name: str = "") -> Any:
    browser.get("/account/sign-up")
    return browser.submit("/account/sign-up", email=email, password=password, name=name)


def test_the_mail_goes_out_with_the_account_and_confirms_it_in_the_same_browser(visitor: Any, outbox: Any) -> None:
    assert sign_up(visitor).location == "/account/check-mail"
    told: list[Account] = []
    with signals.email_verified.connected_to(told.append):
        visitor.get(path_in(newest_to(outbox, ANN)))
        assert visitor.submit("/account/verify/").location == "/account/"
    assert [account.email for account in told] == [ANN]
    account = accounts.find(ANN)
    assert account is not None
    assert account.confirmed_at is not None
    assert account.password is not None, "the same browser chose the password"
    assert "confirm your address" not in visitor.get("/account/").text.lower()


def test_who_signs_up_again_has_the_mail_again(visitor: Any, outbox: Any) -> None:
    sign_up(visitor)
    old = path_in(newest_to(outbox, ANN))
    sign_up(visitor)
    assert len(outbox()) == 2
    assert visitor.get(old).status == 410, "a newer link replaces the older"
    visitor.get(path_in(newest_to(outbox, ANN)))
    assert visitor.submit("/account/verify/").status == 303


def test_looking_at_the_link_changes_nothing_however_often(visit: Any, outbox: Any) -> None:
    sign_up(visit())
    path = path_in(newest_to(outbox, ANN))
    scanner = visit()
    for _ in range(3):
        page = scanner.get(path)
        assert page.status == 200
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert page.headers["Cache-Control"] == "private, no-store"
        assert scanner.client.head(path).status_code == 200
    account = accounts.find(ANN)
    assert account is not None
    assert account.confirmed_at is None


def test_pressed_in_another_browser_it_proves_the_address_and_takes_the_password(visit: Any, outbox: Any) -> None:
    """A19: whoever signed up may not be who owns the address."""
    impostor, owner = visit(), visit()
    sign_up(impostor, password="the impostor's own words")
    owner.get(path_in(newest_to(outbox, ANN)))
    page = owner.submit("/account/verify/")
    assert page.status == 200
    assert "its password was removed" in page.text
    assert owner.get("/account/").status == 303, "nobody is signed in by somebody else's link"
    impostor.get("/account/sign-in")
    assert impostor.submit("/account/sign-in", email=ANN, password="the impostor's own words").status == 422
    account = accounts.find(ANN)
    assert account is not None
    assert account.confirmed_at is not None


def test_an_impostor_who_came_first_is_not_in_her_way(visit: Any, outbox: Any) -> None:
    """The impostor came first; the owner signs up as if nobody had, and gets her own password."""
    impostor, owner = visit(), visit()
    sign_up(impostor, password="the impostor's own words", name="Mallory")
    sign_up(owner, password=PASSWORD, name="Ann")
    owner.get(path_in(newest_to(outbox, ANN)))
    assert owner.submit("/account/verify/").status == 303
    assert "Hello, Ann" in owner.get("/account/").text
    impostor.get("/account/sign-in")
    assert impostor.submit("/account/sign-in", email=ANN, password="the impostor's own words").status == 422


def test_an_impostor_who_comes_between_sign_up_and_proof_gains_nothing(visit: Any, outbox: Any) -> None:
    owner, impostor = visit(), visit()
    sign_up(owner)
    first = path_in(newest_to(outbox, ANN))
    sign_up(impostor, password="the impostor's own words")
    assert owner.get(first).status == 410
    owner.get(path_in(newest_to(outbox, ANN)))
    assert "You can sign in now" in owner.submit("/account/verify/").text, "with what she chose herself in this browser"
    impostor.get("/account/sign-in")
    assert impostor.submit("/account/sign-in", email=ANN, password="the impostor's own words").status == 422


def test_a_taken_address_gets_a_mail_and_the_page_tells_nothing(visit: Any, outbox: Any, make_account: Any) -> None:
    make_account(ANN, password=PASSWORD)
    taken, free = sign_up(visit(), ANN, "some other password"), sign_up(visit(), "bob@reader.example", "some other password")
    assert "already have an account" in newest_to(outbox, ANN).subject
    assert (taken.status, taken.location) == (free.status, free.location)
    account = accounts.find(ANN)
    assert account is not None
    assert accounts.passwords.matches(PASSWORD, account.password), "nothing was changed"


def test_the_same_address_in_other_letters_is_the_same_account(visitor: Any, make_account: Any) -> None:
    make_account(ANN)
    sign_up(visitor, "ANN@READER.EXAMPLE")
    assert db.session.query(Account).count() == 1


@pytest.mark.parametrize(
    ("email", "password", "field", "word"),
    [
        ("", PASSWORD, "email", "Type your e-mail address"),
        ("ann", PASSWORD, "email", "not a complete e-mail address"),
        ("ann@reader.example\x00", PASSWORD, "email", "not a complete"),
        (f"{'a' * 400}@reader.example", PASSWORD, "email", "too long"),
        (ANN, "", "password", "Choose a password"),
        (ANN, "short", "password", "at least 10"),
        (ANN, "x" * 1025, "password", "at most 1,024"),
        (ANN, "password123", "password", "tried first"),
        (ANN, "PassWord123", "password", "tried first"),
        (ANN, "1234567890", "password", "tried first"),
        (ANN, "aaaaaaaaaaaa", "password", "tried first"),
        (ANN, "FerryBell2026", "password", "our name"),
        (ANN, "ann@reader.example", "password", "your address"),
    ],
)
def test_what_cannot_be_is_refused_at_its_field_and_what_was_typed_stays(
    email: str, password: str, field: str, word: str, visitor: Any
) -> None:
    visitor.get("/account/sign-up")
    page = visitor.submit("/account/sign-up", email=email, password=password, name="Ann Lee")
    assert page.status == 422
    assert word in page.errors()[field]
    kept = page.form("/account/sign-up").fields
    assert kept["name"] == "Ann Lee"
    assert kept["password"] == ""
    if field == "password":
        assert kept["email"] == email
    assert db.session.query(Account).count() == 0


@pytest.mark.parametrize("name", ["Ann\x00", "Ann\x1b[31m", "x" * 201])
def test_names_are_plain_text(name: str, visitor: Any) -> None:
    visitor.get("/account/sign-up")
    assert "name" in visitor.submit("/account/sign-up", email=ANN, password=PASSWORD, name=name).errors()


def test_a_long_password_of_any_letters_works_exactly_as_typed(visit: Any, outbox: Any) -> None:
    password = " Grüße, ünïcödé 🐟 " + "x" * 990
    ann = visit()
    sign_up(ann, password=password)
    ann.get(path_in(newest_to(outbox, ANN)))
    assert ann.submit("/account/verify/").status == 303
    for typed, status in ((password, 303), (password.strip(), 422), (password.replace("ü", "u\u0308"), 303), (password.upper(), 422)):
        browser = visit()
        browser.get("/account/sign-in")
        assert browser.submit("/account/sign-in", email=ANN, password=typed).status == status


def test_no_field_of_the_account_can_be_set_from_outside(visitor: Any) -> None:
    """Z03: columns in the form are not columns of the row."""
    visitor.get("/account/sign-up")
    extra = {"role": "owner", "confirmed_at": "2026-01-01", "active": "1", "id": "7", "public_id": "x" * 32, "email_key": "root@x.example"}
    visitor.submit("/account/sign-up", email=ANN, password=PASSWORD, **extra)
    account = accounts.find(ANN)
    assert account is not None
    assert (account.role, account.confirmed_at, account.email_key) == (None, None, ANN)
    assert account.public_id != "x" * 32


def test_a_sign_up_at_the_moment_of_the_proof_does_not_put_its_password_in(
    app: Any, make_account: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if db.engine.dialect.name == "sqlite":
        pytest.skip("one writer at a time: there is no such moment")
    account_id, stored = make_account(ANN, confirmed=False).id, "the hash of her password"
    token = tokens.issue("verify", db.session.get_one(Account, account_id), browser_hash="b" * 64, waits=("Ann", stored))
    db.session.commit()
    find = accounts.find

    def prove() -> None:
        with app.app_context():
            account = db.session.get_one(Account, account_id, with_for_update=True)
            found = tokens.look("verify", token)
            assert found is not None
            assert tokens.spend(found)
            accounts.prove(account, "b" * 64)
            db.session.commit()

    def slow(typed: str) -> Account | None:
        found = find(typed)
        monkeypatch.undo()
        beside(prove)
        return found

    monkeypatch.setattr(accounts, "find", slow)
    accounts.sign_up(ANN, "Mallory", "the hash of another password", "m" * 64, "")
    db.session.commit()
    account = db.session.get_one(Account, account_id, populate_existing=True)
    assert (account.confirmed_at is not None, account.password) == (True, stored)
    assert tokens.chosen_in("m" * 64, account_id) is None, "and none waits"


def test_of_two_first_sign_ups_the_newest_link_lives_and_each_browser_has_its_password(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The link of her browser brings the password of her browser, whoever made the account."""
    if db.engine.dialect.name == "sqlite":
        pytest.skip("one writer at a time: there is no such moment")
    create = accounts.create

    def first() -> None:
        with app.app_context():
            accounts.sign_up(ANN, "Mallory", "the hash of Mallory's", "m" * 64, "")
            db.session.commit()

    def slow(email: str, **values: Any) -> Account:
        monkeypatch.undo()
        beside(first)
        return create(email, **values)

    monkeypatch.setattr(accounts, "create", slow)
    accounts.sign_up(ANN, "Ann", "the hash of Ann's", "a" * 64, "")
    db.session.commit()
    account = accounts.find(ANN)
    assert account is not None
    assert (account.password, account.name) == (None, "")
    assert tokens.chosen_in("a" * 64, account.id) == ("Ann", "the hash of Ann's")
    assert tokens.chosen_in("m" * 64, account.id) == ("Mallory", "the hash of Mallory's")
