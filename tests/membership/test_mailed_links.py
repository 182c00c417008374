"""The link that signs in without a password, and the one that sets a new one."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine

from kit import backups, clock, jobs
from kit.database import db
from membership import accounts, passwords, sessions, tokens
from tests.factories import PASSWORD
from tests.membership.letters import newest_to, path_in

ANN = "ann@reader.example"


def ask(browser: Any, page: str, drain: Any, outbox: Any, email: str = ANN) -> str:
    """Ask for a link and answer its path in the mail."""
    browser.get(page)
    assert browser.submit(page.partition("?")[0], email=email).location == "/account/check-mail"
    drain()
    return path_in(newest_to(outbox, ANN))


def test_the_link_signs_in_once_and_goes_where_she_wanted(visitor: Any, make_account: Any, drain: Any, outbox: Any) -> None:
    make_account(ANN)
    path = ask(visitor, "/account/link?next=/articles/the-weir", drain, outbox)
    visitor.get(path)
    page = visitor.submit("/account/link/")
    assert (page.status, page.location) == (303, "/articles/the-weir")
    assert visitor.get("/account/").status == 200
    over = visitor.get(path)
    assert (over.status, "/account/link" in over.links()) == (410, True), "another one is asked for there"
    assert visitor.post(path).status == 410


@pytest.mark.parametrize(("kind", "way"), [("verify", "/account/"), ("reset", "/account/reset"), ("link", "/account/link")])
def test_a_link_that_is_none_leads_to_a_new_one(visitor: Any, kind: str, way: str) -> None:
    page = visitor.get(f"/account/{kind}/abc")
    assert (page.status, "not copied as a whole" in page.text) == (410, True)
    assert way in page.links()


def test_a_scanner_that_presses_every_button_signs_nobody_in_and_spends_nothing(
    visit: Any, make_account: Any, drain: Any, outbox: Any
) -> None:
    make_account(ANN)
    reader, scanner = visit(), visit()
    path = ask(reader, "/account/link", drain, outbox)
    page = scanner.get(path)
    assert page.status == 200
    assert "only in the browser" in page.text
    assert scanner.client.head(path).status_code == 200
    assert scanner.post(path).status == 403
    assert scanner.get("/account/").status == 303
    reader.get(path)
    assert reader.submit("/account/link/").status == 303
    assert reader.get("/account/").status == 200


def test_a_link_asked_for_in_one_browser_is_worth_nothing_in_another_that_asked_too(
    visit: Any, make_account: Any, drain: Any, outbox: Any
) -> None:
    """A12: an attacker cannot slip her own link under somebody else's session."""
    make_account(ANN)
    make_account("mallory@reader.example")
    mallory, ann = visit(), visit()
    mallory.get("/account/link")
    mallory.submit("/account/link", email="mallory@reader.example")
    drain()
    path = path_in(newest_to(outbox, "mallory@reader.example"))
    ask(ann, "/account/link", drain, outbox)
    assert ann.post(path).status == 403


def test_a_first_link_from_another_browser_takes_the_waiting_password(visit: Any, make_account: Any, drain: Any, outbox: Any) -> None:
    """A19 by the sign-in link: the address is proven now, by somebody who did not choose the password."""
    impostor, owner = visit(), visit()
    impostor.get("/account/sign-up")
    impostor.submit("/account/sign-up", email=ANN, password="the impostor's own words")
    path = ask(owner, "/account/link", drain, outbox)
    owner.get(path)
    assert owner.submit("/account/link/").status == 303
    account = accounts.find(ANN)
    assert account is not None
    assert account.confirmed_at is not None
    assert account.password is None
    assert len(sessions.of(account.id)) == 1


@pytest.mark.parametrize("path", ["/account/link", "/account/reset"])
@pytest.mark.parametrize("typed", ["", "ann", "ann@", "ann@reader.example, ben@reader.example"])
def test_an_address_that_is_none_is_named_and_kept(visitor: Any, outbox: Any, path: str, typed: str) -> None:
    visitor.get(path)
    page = visitor.submit(path, email=typed)
    assert (page.status, list(page.errors())) == (422, ["email"])
    assert page.form(path).fields["email"] == typed
    assert outbox() == []


@pytest.mark.parametrize("page", ["/account/link", "/account/reset"])
def test_links_run_out_after_ten_minutes_to_the_second(page: str, visitor: Any, make_account: Any, drain: Any, outbox: Any) -> None:
    make_account(ANN)
    with time_machine.travel(clock.now(), tick=False) as now:
        path = ask(visitor, page, drain, outbox)
        now.shift(timedelta(minutes=10, seconds=-1))
        assert visitor.get(path).status == 200
        now.shift(timedelta(seconds=1))
        assert visitor.get(path).status == 410


@pytest.mark.parametrize(("asked", "tried"), [("/account/link", "verify"), ("/account/link", "reset"), ("/account/reset", "link")])
def test_a_token_serves_its_own_purpose_only(asked: str, tried: str, visitor: Any, make_account: Any, drain: Any, outbox: Any) -> None:
    make_account(ANN)
    token = ask(visitor, asked, drain, outbox).rsplit("/", 1)[1]
    assert visitor.get(f"/account/{tried}/{token}").status == 410
    assert visitor.post(f"/account/{tried}/{token}", {"password": "a brand new password"}).status == 410


def test_a_token_is_nowhere_in_the_database(visitor: Any, make_account: Any, drain: Any, outbox: Any) -> None:
    make_account(ANN)
    token = ask(visitor, "/account/link", drain, outbox).rsplit("/", 1)[1]
    stored = db.session.query(tokens.AccountToken).one()
    assert stored.token_hash == sessions.digest(token) != token


def test_tampered_and_invented_tokens_are_gone(visitor: Any, make_account: Any, drain: Any, outbox: Any) -> None:
    make_account(ANN)
    path = ask(visitor, "/account/reset", drain, outbox)
    for wrong in (path[:-1], path + "A", path.rsplit("/", 1)[0] + "/" + "x" * 43, "/account/reset/%00", "/account/reset/é"):
        assert visitor.get(wrong).status == 410


# --- a new password --------------------------------------------------------------------------------------------------


def test_a_reset_sets_the_password_signs_everybody_out_and_tells_the_owner(visit: Any, make_account: Any, drain: Any, outbox: Any) -> None:
    account = make_account(ANN, password=PASSWORD)
    phone, browser = visit(account), visit()
    path = ask(browser, "/account/reset", drain, outbox)
    browser.get(path)
    page = browser.submit("/account/reset/", password="a brand new password")
    assert (page.status, page.location) == (303, "/account/sign-in")
    assert browser.get("/account/").status == 303, "a reset signs nobody in"
    assert phone.get("/account/").status == 303
    assert "was changed" in newest_to(outbox, ANN).subject
    browser.get("/account/sign-in")
    assert browser.submit("/account/sign-in", email=ANN, password=PASSWORD).status == 422
    assert browser.submit("/account/sign-in", email=ANN, password="a brand new password").status == 303
    assert browser.get(path).status == 410


def test_looking_at_the_reset_page_and_typing_a_bad_password_spend_nothing(
    visitor: Any, make_account: Any, drain: Any, outbox: Any
) -> None:
    make_account(ANN, password=PASSWORD)
    path = ask(visitor, "/account/reset", drain, outbox)
    page = visitor.get(path)
    assert page.headers["Referrer-Policy"] == "no-referrer"
    page = visitor.submit("/account/reset/", password="short")
    assert page.status == 422
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert "at least 10" in page.errors()["password"]
    assert visitor.submit("/account/reset/", password="a brand new password").status == 303


def test_a_newer_link_a_sign_in_and_a_password_change_kill_the_older_link(visit: Any, make_account: Any, drain: Any, outbox: Any) -> None:
    account = make_account(ANN, password=PASSWORD)
    browser = visit()
    first = ask(browser, "/account/reset", drain, outbox)
    second = ask(browser, "/account/reset", drain, outbox)
    assert browser.get(first).status == 410
    browser.get("/account/sign-in")
    browser.submit("/account/sign-in", email=ANN, password=PASSWORD)
    assert browser.get(second).status == 410
    third = ask(visit(), "/account/reset", drain, outbox)
    accounts.set_password(account, passwords.hashed("another one, quite long"))
    db.session.commit()
    assert browser.get(third).status == 410


def test_a_token_is_spent_by_exactly_one_of_two(make_account: Any) -> None:
    token = tokens.issue("reset", make_account(ANN), browser_hash=None)
    db.session.commit()
    found = tokens.look("reset", token)
    assert found is not None
    assert [tokens.spend(found), tokens.spend(found)] == [True, False]


def test_an_account_without_a_password_gets_its_first_by_mail(visit: Any, make_account: Any, drain: Any, outbox: Any) -> None:
    browser = visit(make_account(ANN))
    assert "no password" in browser.get("/account/password").text
    assert browser.submit("/account/reset").status == 303
    drain()
    browser.get(path_in(newest_to(outbox, ANN)))
    assert browser.submit("/account/reset/", password="a brand new password").status == 303


def test_closed_accounts_get_no_links(visitor: Any, make_account: Any, drain: Any, outbox: Any) -> None:
    account = make_account(ANN)
    account.active = False
    db.session.commit()
    visitor.get("/account/link")
    assert visitor.submit("/account/link", email=ANN).status == 303
    drain()
    assert outbox() == []


def test_after_a_restored_backup_no_mailed_link_opens(visitor: Any, make_account: Any, drain: Any, outbox: Any) -> None:
    """One that was spent since the backup would open again."""
    make_account(ANN)
    path = ask(visitor, "/account/link", drain, outbox)
    assert visitor.get(path).status == 200
    assert "1 links from mails" in " ".join(backups.restored())
    db.session.commit()
    assert visitor.get(path).status == 410


def test_a_job_that_runs_twice_mails_one_link_and_that_one_opens(
    app: Any, visitor: Any, make_account: Any, drain: Any, outbox: Any
) -> None:
    make_account(ANN)
    visitor.get("/account/link")
    visitor.submit("/account/link", email=ANN)
    db.session.rollback()
    (_id, name, args), *_none = [job for job in jobs.waiting(app) if job[1] == "membership.mail_link"]
    jobs.run(app, name, args)
    drain()
    assert len(outbox()) == 1
    assert visitor.get(path_in(newest_to(outbox, ANN))).status == 200
