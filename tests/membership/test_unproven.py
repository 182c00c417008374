"""An account whose address nobody has proven: whatever is attached to it, only who opens a link in its mailbox gets in.

However such an account came to be (a sign-up, staff, a list, a grant, something paid), the password that somebody typed for
it waits with the link, and counts when the link is opened in the browser in which it was typed.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from kit.database import db
from membership import accounts, memberships, tokens
from membership.domain import emails
from membership.models import Account
from tests.factories import PASSWORD, subscription_snapshot
from tests.membership.letters import newest_to, path_in

ANN, THEIRS = "ann@reader.example", "the impostor's own words"


def sign_up(browser: Any, password: str = PASSWORD, name: str = "", email: str = ANN) -> None:
    browser.get("/account/sign-up")
    assert browser.submit("/account/sign-up", email=email, password=password, name=name).location == "/account/check-mail"


def sign_in(browser: Any, password: str = PASSWORD, email: str = ANN) -> int:
    browser.get("/account/sign-in")
    return browser.submit("/account/sign-in", email=email, password=password).status


def account() -> Account:
    db.session.rollback()
    found = accounts.find(ANN)
    assert found is not None
    return found


# --- what may be attached to it -----------------------------------------------------------------------------------------


def command(app: Flask, *arguments: str) -> str:
    db.session.rollback()
    done = app.test_cli_runner().invoke(args=list(arguments))
    assert done.exit_code == 0, done.output
    db.session.rollback()
    return done.stdout


def a_role(app: Flask, _folder: Path) -> None:
    command(app, "staff", "create", ANN, "--role", "owner", "--name", "Ann")


def a_grant(app: Flask, _folder: Path) -> None:
    command(app, "members", "grant", ANN, "--until", "2099-05-31", "--note", "our printer")


def an_import(app: Flask, folder: Path) -> None:
    (folder / "people.csv").write_text(f"email,name,until\n{ANN},Ann,2099-05-31\n", encoding="utf-8")
    command(app, "members", "import", str(folder / "people.csv"))


def a_subscription(_app: Flask, _folder: Path) -> None:
    found = accounts.find(ANN) or accounts.create(ANN)
    memberships.follow(found.id, subscription_snapshot("sub_ann"))
    db.session.commit()


ATTACHED = [a_role, a_grant, an_import, a_subscription]


@pytest.mark.parametrize("attach", ATTACHED)
@pytest.mark.parametrize("stranger_is", ["first", "last", "both"])
def test_a_stranger_who_signs_up_with_its_address_gets_nowhere_before_the_proof_and_after(
    attach: Callable[[Flask, Path], None],
    stranger_is: str,
    app: Flask,
    visit: Any,
    make_article: Any,
    drain: Any,
    outbox: Any,
    tmp_path: Path,
) -> None:
    make_article()
    stranger, owner = visit(), visit()
    if stranger_is != "last":
        sign_up(stranger, THEIRS, "Mallory")
        assert sign_in(stranger, THEIRS) == 422
    attach(app, tmp_path)
    if stranger_is != "first":
        sign_up(stranger, THEIRS, "Mallory")
    assert sign_in(stranger, THEIRS) == 422
    assert (stranger.get("/account/").status, stranger.get("/admin/").status) == (303, 303)
    assert "QUARTZMILL" not in stranger.get("/articles/the-weir").html

    owner.get("/account/link")
    owner.submit("/account/link", email=ANN)
    drain()
    owner.get(path_in(newest_to(outbox, ANN)))
    assert owner.submit("/account/link/").status == 303
    assert "QUARTZMILL" in owner.get("/articles/the-weir").html, "what is hers stayed hers"
    assert "Mallory" not in owner.get("/account/").text
    assert sign_in(stranger, THEIRS) == 422
    assert account().password is None


def test_the_operator_s_link_lets_the_owner_in_and_nobody_else(app: Flask, visit: Any) -> None:
    stranger, owner = visit(), visit()
    sign_up(stranger, THEIRS)
    link = json.loads(command(app, "staff", "create", ANN, "--role", "owner", "--json"))["sign_in"]
    sign_up(stranger, THEIRS)
    owner.get(link.removeprefix("http://localhost"))
    assert owner.submit("/account/link/").location == "/admin/"
    assert owner.get("/admin/").status == 200
    assert sign_in(stranger, THEIRS) == 422


# --- who signs up honestly ----------------------------------------------------------------------------------------------


def test_the_password_counts_from_the_proof_on_and_in_every_browser(visit: Any, outbox: Any) -> None:
    ann = visit()
    sign_up(ann, name="Ann")
    assert sign_in(ann) == 422
    assert "press the button in our mail first" in ann.page.text
    ann.get(path_in(newest_to(outbox, ANN)))
    assert ann.submit("/account/verify/").status == 303
    assert "Hello, Ann" in ann.get("/account/").text
    assert sign_in(visit()) == 303


def test_whoever_signs_up_after_her_takes_neither_her_password_nor_her_name(visit: Any, outbox: Any) -> None:
    """The stranger's sign-up kills her link; the newer one, in her own browser, brings what she chose herself."""
    ann, stranger = visit(), visit()
    sign_up(ann, name="Ann")
    sign_up(stranger, THEIRS, "Mallory")
    ann.get(path_in(newest_to(outbox, ANN)))
    assert "You can sign in now" in ann.submit("/account/verify/").text
    assert ann.get("/account/").status == 303, "nobody is signed in by a link that somebody else asked for"
    assert (sign_in(ann), sign_in(stranger, THEIRS)) == (303, 422)
    assert "Hello, Ann" in ann.get("/account/").text


def test_of_two_passwords_that_she_chose_the_newer_counts(visit: Any, outbox: Any) -> None:
    ann = visit()
    sign_up(ann, "the first that came to mind")
    sign_up(ann)
    ann.get(path_in(newest_to(outbox, ANN)))
    ann.submit("/account/verify/")
    assert (sign_in(visit(), "the first that came to mind"), sign_in(visit())) == (422, 303)


@pytest.mark.parametrize("by", ["link", "reset"])
def test_when_the_mail_does_not_come_another_link_proves_the_address_as_well(by: str, visit: Any, drain: Any, outbox: Any) -> None:
    ann = visit()
    sign_up(ann)
    assert "/account/link" in ann.get("/account/check-mail").links()
    ann.get(f"/account/{by}")
    ann.submit(f"/account/{by}", email=ANN)
    drain()
    ann.get(path_in(newest_to(outbox, ANN)))
    assert ann.submit(f"/account/{by}/", **({"password": "a brand new password"} if by == "reset" else {})).status == 303
    assert sign_in(visit(), PASSWORD if by == "link" else "a brand new password") == 303


def test_proven_in_another_browser_without_a_password_she_chooses_one(visit: Any, outbox: Any) -> None:
    laptop, phone = visit(), visit()
    sign_up(laptop)
    phone.get(path_in(newest_to(outbox, ANN)))
    assert "its password was removed" in phone.submit("/account/verify/").text
    assert sign_in(laptop) == 422
    waiting = db.session.query(tokens.AccountToken).where(tokens.AccountToken.password.is_not(None))
    assert waiting.count() == 0, "and what waited is forgotten"


def test_a_name_that_staff_wrote_stays_unless_she_types_another(app: Flask, visit: Any, outbox: Any, tmp_path: Path) -> None:
    an_import(app, tmp_path)
    for typed, called in (("", "Ann"), ("Annabel", "Annabel")):
        db.session.execute(update(Account).values(confirmed_at=None, password=None))
        db.session.commit()
        browser = visit()
        sign_up(browser, name=typed)
        assert account().name == "Ann"
        browser.get(path_in(newest_to(outbox, ANN)))
        browser.submit("/account/verify/")
        assert account().name == called


def test_a_sign_in_after_a_sign_up_does_not_tell_whether_the_address_was_free(visit: Any, make_account: Any) -> None:
    """A05."""
    make_account("bob@reader.example", password=PASSWORD)
    said = {}
    for email in (ANN, "bob@reader.example"):
        browser = visit()
        sign_up(browser, THEIRS, email=email)
        said[email] = (sign_in(browser, THEIRS, email), browser.page.text.replace(email, ""))
    assert said[ANN] == said["bob@reader.example"]


# --- what cannot be -----------------------------------------------------------------------------------------------------


def test_the_database_itself_keeps_no_password_for_an_unproven_account(make_account: Any) -> None:
    make_account(ANN, confirmed=False)
    with pytest.raises(IntegrityError):
        db.session.execute(update(Account).values(password="the hash of a password"))
    db.session.rollback()


def test_a_stranger_s_mailbox_is_not_filled_by_signing_up_and_in_and_asking_again(visit: Any, drain: Any, outbox: Any) -> None:
    """N05: each way to have a mail sent has its limit by address, whatever session asks; none asks for a session."""
    for _ in range(8):
        browser = visit()
        for path, typed in (("/account/sign-up", {"password": THEIRS, "name": ""}), ("/account/link", {}), ("/account/reset", {})):
            browser.post(path, {"email": ANN, **typed})
        assert sign_in(browser, THEIRS) in (422, 429)
        assert browser.post("/account/verify").status in (404, 405)
        drain()
    assert len([mail for mail in outbox() if emails.key(mail.recipient) == ANN]) <= 15
