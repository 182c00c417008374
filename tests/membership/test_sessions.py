"""A cookie is worth what its row says: copies die with sign-out, a new password, a role, a closed account."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
import time_machine
from flask import Flask, g

from kit import clock
from kit.database import db
from membership import accounts, passwords, sessions
from membership.models import Account, LoginSession
from tests.beside import beside
from tests.factories import PASSWORD

ANN = "ann@reader.example"


def sign_in(browser: Any, password: str = PASSWORD) -> Any:
    browser.get("/account/sign-in")
    return browser.submit("/account/sign-in", email=ANN, password=password)


def copy_of(browser: Any, visit: Any) -> Any:
    """Another browser with the same cookies, as a thief has it."""
    thief = visit()
    cookie = browser.client.get_cookie("session")
    assert cookie is not None
    thief.client.set_cookie("session", cookie.value)
    return thief


def by_signing_out(browser: Any, account: Account) -> None:
    browser.get("/account/")
    assert browser.submit("/account/sign-out").status == 303


def by_a_new_password(browser: Any, account: Account) -> None:
    browser.get("/account/password")
    assert browser.submit("/account/password", current=PASSWORD, password="a brand new password").status == 303


def by_a_reset(browser: Any, account: Account) -> None:
    accounts.set_password(account, passwords.hashed("a brand new password"))
    db.session.commit()


def by_a_role(browser: Any, account: Account) -> None:
    accounts.set_role(account, "support")
    db.session.commit()


def by_closing(browser: Any, account: Account) -> None:
    account.active = False
    db.session.commit()


def by_ending_it_here(browser: Any, account: Account) -> None:
    sessions.end_all(account.id)
    db.session.commit()


@pytest.mark.parametrize("how", [by_signing_out, by_a_new_password, by_a_reset, by_a_role, by_closing, by_ending_it_here])
def test_a_copied_cookie_is_dead_after(how: Callable[..., None], visit: Any, make_account: Any) -> None:
    """A08."""
    account, browser = make_account(ANN, password=PASSWORD), visit()
    sign_in(browser)
    thief = copy_of(browser, visit)
    assert thief.get("/account/").status == 200
    how(browser, db.session.get_one(Account, account.id))
    assert thief.get("/account/").status == 303
    assert thief.get("/api/v1/me").status == 401


@pytest.mark.parametrize("act", [by_a_reset, by_a_role, by_closing, by_ending_it_here])
def test_who_was_signed_out_while_her_new_password_is_hashed_does_not_put_it_in(
    act: Callable[[Any, Account], None], app: Flask, visit: Any, make_account: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thief with a session and the old password is at it while the owner resets, signs all devices out, or closes the account."""
    account = make_account(ANN, password=PASSWORD)
    account_id, thief, hashed = account.id, visit(account), passwords.hashed
    thief.get("/account/password")

    def from_elsewhere() -> None:
        with app.app_context():
            act(None, db.session.get_one(Account, account_id))

    def slow(password: str) -> str:
        found = hashed(password)
        monkeypatch.undo()
        beside(from_elsewhere)
        return found

    monkeypatch.setattr(passwords, "hashed", slow)
    assert thief.submit("/account/password", current=PASSWORD, password="the thief's own words").status == 409
    account = db.session.get_one(Account, account_id, populate_existing=True)
    assert not passwords.matches("the thief's own words", account.password)
    assert thief.get("/account/").status == 303


def test_the_browser_that_changes_the_password_stays_signed_in_by_a_new_session(visit: Any, make_account: Any) -> None:
    make_account(ANN, password=PASSWORD)
    browser, phone = visit(), visit()
    sign_in(browser)
    sign_in(phone)
    by_a_new_password(browser, None)  # type: ignore[arg-type]
    assert browser.get("/account/").status == 200
    assert phone.get("/account/").status == 303


def test_a_session_that_was_planted_before_sign_in_is_not_the_one_after(visit: Any, make_account: Any) -> None:
    """A07: fixation, and what the session knew before (another's CSRF token, another reader) is gone."""
    make_account(ANN, password=PASSWORD)
    browser = visit()
    browser.get("/account/sign-in")
    planted = copy_of(browser, visit)
    with browser.client.session_transaction() as session:
        session["planted"] = "by a stranger"
        before = session["csrf_token"]
    sign_in(browser)
    with browser.client.session_transaction() as session:
        assert "planted" not in session
        assert session.get("csrf_token") != before
    assert planted.get("/account/").status == 303


def test_the_cookie_is_kept_from_scripts_and_other_sites_and_holds_no_account_number(visit: Any, make_account: Any) -> None:
    account, browser = make_account(ANN, password=PASSWORD), visit()
    cookie = next(value for value in sign_in(browser).headers.getlist("Set-Cookie") if value.startswith("session="))
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    with browser.client.session_transaction() as session:
        assert str(account.id) not in (session["_user_id"],)
        assert len(session["_user_id"]) >= 43
    stored = db.session.scalars(sa.select(LoginSession.token_hash)).one()
    assert stored == sessions.digest(session["_user_id"])


def test_a_reader_sees_her_devices_and_signs_them_out(visit: Any, make_account: Any) -> None:
    account = make_account(ANN)
    browser, phone, tablet, stranger = visit(account), visit(account), visit(account), visit(make_account())
    assert browser.get("/account/sessions").text.count("the test's browser") == 3
    others = [form.fields["session"] for form in browser.page.forms() if len(form.fields.get("session", "")) == 64]
    assert len(others) == 2
    assert stranger.post("/account/sessions", {"session": others[0]}).status == 404, "not hers to end"
    assert browser.post("/account/sessions", {"session": others[0]}).status == 303
    assert sorted([phone.get("/account/").status, tablet.get("/account/").status]) == [200, 303]
    assert browser.post("/account/sessions", {"session": "others"}).status == 303
    assert [phone.get("/account/").status, tablet.get("/account/").status] == [303, 303]
    assert browser.get("/account/").status == 200


@pytest.mark.parametrize(
    ("role", "away", "status"),
    [
        (None, timedelta(days=30, seconds=-2), 200),
        (None, timedelta(days=30, seconds=2), 303),
        ("editor", timedelta(hours=12, seconds=-2), 200),
        ("editor", timedelta(hours=12, seconds=2), 303),
    ],
)
def test_an_idle_session_ends(role: str | None, away: timedelta, status: int, visit: Any, make_account: Any) -> None:
    start = clock.now()
    with time_machine.travel(start, tick=False) as now:
        browser = visit(make_account(ANN, role=role))
        now.shift(away)
        assert browser.get("/account/").status == status


def test_a_reader_who_keeps_coming_is_signed_out_after_half_a_year(visit: Any, make_account: Any) -> None:
    with time_machine.travel(clock.now(), tick=False) as now:
        browser = visit(make_account(ANN))
        for _ in range(8):
            now.shift(timedelta(days=20))
            assert browser.get("/account/").status == 200
        now.shift(timedelta(days=20, seconds=1))
        assert browser.get("/account/").status == 303


def test_rows_that_are_over_are_swept(visit: Any, make_account: Any) -> None:
    with time_machine.travel(clock.now(), tick=False) as now:
        visit(make_account(ANN))
        now.shift(timedelta(days=31))
        visit(make_account())
        assert sessions.sweep() == 1
        assert db.session.query(LoginSession).count() == 1


# --- the hot path ----------------------------------------------------------------------------------------------------


def statements(app: Flask, run: Callable[[], Any]) -> list[str]:
    """What the database was asked while ``run`` ran."""
    asked: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        asked.append(statement)

    sa.event.listen(db.engine, "before_cursor_execute", note)
    try:
        run()
    finally:
        sa.event.remove(db.engine, "before_cursor_execute", note)
    return [text for text in asked if not text.startswith(("BEGIN", "PRAGMA"))]


def test_knowing_the_reader_takes_one_look_up_and_no_write(app: Flask, visit: Any, make_account: Any) -> None:
    browser = visit(make_account(ANN))
    browser.get("/account/sessions")
    asked = statements(app, lambda: browser.get("/.well-known/change-password"))
    assert asked == [], "a public page that does not ask who reads does not look"
    asked = statements(app, lambda: browser.get("/account/name"))
    assert len([text for text in asked if "login_session" in text]) == 1
    assert not [text for text in asked if text.startswith(("UPDATE", "INSERT", "DELETE"))]


def test_nothing_looks_at_a_visitors_session(app: Flask, visitor: Any) -> None:
    """Flask-Login and Flask-Principal each bring a hook that would make every page private (membership/security.py)."""
    for path in ("/healthz", "/feed.xml", "/robots.txt"):
        page = visitor.get(path)
        assert page.status == 200
        assert "Set-Cookie" not in page.headers
        assert "private" not in page.headers.get("Cache-Control", "")
        assert "_login_user" not in g
    hooks = {getattr(hook, "__qualname__", "") for hook in (*app.before_request_funcs[None], *app.after_request_funcs[None])}
    assert not {name for name in hooks if name.startswith(("Principal.", "LoginManager."))}


def test_the_library_lets_nobody_in_by_its_own_tokens(visit: Any, app: Flask, make_account: Any) -> None:
    from flask_security.proxies import _security

    account = make_account(ANN, password=PASSWORD)
    with app.test_request_context():
        token = _security.remember_token_serializer.dumps({"ver": "5", "uid": account.fs_uniquifier, "fs_paa": 0, "exp": 0})
        remembered = _security.remember_token_serializer.dumps(account.fs_uniquifier)
    browser = visit()
    assert browser.get("/api/v1/me", headers={"Authentication-Token": token}).status == 401
    assert browser.get(f"/api/v1/me?auth_token={token}").status == 401
    browser.client.set_cookie("remember_token", remembered)
    assert browser.get("/api/v1/me").status == 401


def test_a_forged_or_foreign_identity_in_the_session_is_nobody(visit: Any, make_account: Any) -> None:
    account = make_account(ANN)
    for planted in (account.fs_uniquifier, str(account.id), account.public_id, "", None, 7, ["x"]):
        browser = visit()
        with browser.client.session_transaction() as session:
            session["_user_id"] = planted
        assert browser.get("/api/v1/me").status == 401


@pytest.mark.parametrize(("path", "status"), [("/articles/the-weir", 200), ("/subscribe/thanks?session_id=cs_unknown", 404)])
def test_a_page_that_writes_does_not_wait_for_its_own_note_of_the_device(
    path: str, status: int, visit: Any, make_account: Any, make_article: Any
) -> None:
    make_article("the-weir", access="metered")
    browser = visit(make_account())
    db.session.execute(sa.update(LoginSession).values(seen_at=clock.now() - 2 * sessions.SEEN_EVERY))
    db.session.commit()
    assert browser.get(path).status == status, "503 after fifteen seconds: SQLite's one writer waited for itself"
    assert db.session.scalars(sa.select(LoginSession.seen_at)).one() > clock.now() - timedelta(minutes=1)
