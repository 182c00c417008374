"""What strangers try at the doors: to learn who has an account, to guess, to lead astray, to post from elsewhere."""

import re
import time
from typing import Any

import pytest
from flask import Flask

from kit.database import db
from membership import accounts
from membership.models import LoginSession
from tests.factories import PASSWORD

ANN, NOBODY = "ann@reader.example", "bob@reader.example"
SECRETS = re.compile(r'(name="csrf_token"[^>]*value=")[^"]*|(nonce=")[^"]*|<code>[0-9a-f]{16}</code>')


def normal(page: Any, email: str) -> tuple[Any, ...]:
    """An answer less its random parts and the typed address."""
    html = SECRETS.sub("", page.html).replace(email, "ADDRESS")
    noise = (
        "X-Request-ID",
        "Content-Length",
        "Date",
        "X-RateLimit-Reset",
        "X-RateLimit-Remaining",
        "Content-Security-Policy",
        "Retry-After",
    )
    plain = {"Set-Cookie": lambda value: re.sub(r"^(\w+)=[^;]*|(Expires)=[^;]*", r"\1\2", value)}
    headers = sorted((name, plain.get(name, str)(value)) for name, value in page.headers if name not in noise)
    return page.status, html, headers


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/account/sign-in", {"password": "certainly not this one"}),
        ("/account/sign-up", {"password": "a perfectly good one", "name": "Ann"}),
        ("/account/reset", {}),
        ("/account/link", {}),
    ],
)
def test_nothing_tells_whether_an_address_is_known(path: str, fields: dict[str, str], visit: Any, make_account: Any) -> None:
    """A05: status, headers, cookies, body and the page after are the same."""
    make_account(ANN, password=PASSWORD)
    answers = []
    for email in (ANN, NOBODY):
        browser = visit()
        browser.get(path)
        first = normal(browser.submit(path, email=email, **fields), email)
        answers.append((first, normal(browser.get("/account/check-mail"), email)))
    assert answers[0] == answers[1]


@pytest.mark.slow
def test_the_time_of_an_answer_tells_nothing_either(visit: Any, make_account: Any) -> None:
    """A06 in small: unless an unknown address costs a hash too, it answers several times as fast."""
    for number in range(2):
        make_account(f"known{number}@reader.example", password=PASSWORD)
    browser = visit()
    browser.get("/account/sign-in")

    def fastest(kind: str) -> float:
        times = []
        for number in range(12):
            begin = time.thread_time()  # what it costs to compute, whatever else the machine does meanwhile
            page = browser.submit("/account/sign-in", email=f"{kind}{number % 2}@reader.example", password="certainly not this one")
            times.append(time.thread_time() - begin)
            assert page.status == 422
        return min(times)

    fastest("warm")
    assert 0.5 < fastest("known") / fastest("unknown") < 2


def test_a_closed_account_cannot_sign_in_and_looks_like_no_account(visit: Any, make_account: Any) -> None:
    account = make_account(ANN, password=PASSWORD)
    account.active = False
    db.session.commit()
    browser = visit()
    browser.get("/account/sign-in")
    page = browser.submit("/account/sign-in", email=ANN, password=PASSWORD)
    assert page.status == 422
    assert "do not belong together" in page.text


def test_a_refused_sign_in_keeps_the_address_and_never_the_password(visitor: Any) -> None:
    visitor.get("/account/sign-in?next=/subscribe")
    page = visitor.submit("/account/sign-in", email=ANN, password="certainly not this one")
    assert page.status == 422
    assert page.form("/account/sign-in").fields | {"csrf_token": ""} == {
        "csrf_token": "",
        "email": ANN,
        "password": "",
        "next": "/subscribe",
    }
    assert "certainly not" not in page.html


@pytest.mark.parametrize(("email", "password", "field"), [("", "x", "email"), ("ann", "x", "email"), (ANN, "", "password")])
def test_an_incomplete_sign_in_is_named_at_its_field(email: str, password: str, field: str, visitor: Any) -> None:
    visitor.get("/account/sign-in")
    page = visitor.submit("/account/sign-in", email=email, password=password)
    assert page.status == 422
    assert list(page.errors()) == [field]


def test_the_eleventh_try_at_an_account_waits_whatever_the_spelling(visit: Any, make_account: Any) -> None:
    """A01; the owner by a link in her mail is not shut out with it."""
    make_account(ANN, password=PASSWORD)
    spellings = [ANN, "ANN@reader.example", "Ann+1@reader.example", "ann@READER.example.", "ann@ｒeader.example"]
    for number in range(10):
        browser = visit()
        browser.get("/account/sign-in")
        assert browser.submit("/account/sign-in", email=spellings[number % 5], password="certainly not this one").status == 422
    browser = visit()
    browser.get("/account/sign-in")
    page = browser.submit("/account/sign-in", email=ANN, password=PASSWORD)
    assert page.status == 429
    assert int(page.headers["Retry-After"]) > 0
    assert "Too many tries" in page.text
    browser.get("/account/link")
    assert browser.submit("/account/link", email=ANN).status == 303


def test_mails_to_one_address_are_few(visit: Any, make_account: Any, drain: Any, outbox: Any) -> None:
    make_account(ANN)
    for status in (303, 303, 303, 303, 303, 429):
        browser = visit()
        browser.get("/account/link")
        assert browser.submit("/account/link", email=ANN).status == status
    drain()
    assert len(outbox()) == 5


# Every way that browsers read as another site (or as code), and odd ones that are refused for good measure.
ELSEWHERE = [
    "https://evil.example/", "http://evil.example", "//evil.example", "///evil.example", "////evil.example", "/\\evil.example",
    "\\\\evil.example", "/\\/evil.example", "\\/evil.example", "https:evil.example", "https:/evil.example", "javascript:alert(1)",
    "data:text/html,x", " //evil.example", "\t//evil.example", "/\t/evil.example", "/\n/evil.example", "/%09/evil.example\r\nX: y",
    "evil.example", "@evil.example", "https://localhost@evil.example", "http://localhost.evil.example", "/ /evil.example",
    "\x00//evil.example", "//%65vil.example", "/\u2028/evil.example", "?next=//evil.example", "#//evil.example", "ftp://evil.example",
]  # fmt: skip


@pytest.mark.parametrize("where", ELSEWHERE)
def test_no_next_leads_to_another_site(where: str, visit: Any, make_account: Any, drain: Any, outbox: Any) -> None:
    """A16: by the query, by the form, when signed in already, by the mailed link."""
    from urllib.parse import urlsplit

    from tests.membership.letters import newest_to, path_in

    def stays(location: str) -> bool:
        return location.startswith("/") and not location.startswith(("//", "/\\")) and not urlsplit(location).netloc

    make_account(ANN, password=PASSWORD)
    browser = visit()
    browser.get("/account/sign-in", query_string={"next": where})
    assert stays(browser.submit("/account/sign-in", email=ANN, password=PASSWORD, next=where).headers["Location"])
    assert stays(browser.get("/account/sign-in", query_string={"next": where}).headers["Location"])
    other = visit()
    other.get("/account/link", query_string={"next": where})
    other.submit("/account/link", email=ANN, next=where)
    drain()
    other.get(path_in(newest_to(outbox, ANN)))
    assert stays(other.submit("/account/link/").headers["Location"])


UNSAFE = [
    "/account/sign-in", "/account/sign-up", "/account/sign-out", "/account/reset", "/account/link",
    "/account/password", "/account/name", "/account/sessions", "/account/link/x", "/account/verify/x", "/account/reset/x",
]  # fmt: skip


@pytest.mark.parametrize("path", UNSAFE)
@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}])
def test_nothing_is_posted_from_elsewhere(path: str, headers: dict[str, str], visit: Any, make_account: Any) -> None:
    """A21: without a token, or with one but from another site."""
    browser = visit(make_account(ANN, password=PASSWORD))
    before = db.session.query(LoginSession).count()
    page = browser.post(path, {"email": ANN, "password": PASSWORD}, csrf=bool(headers), headers=headers)
    assert page.status in (400, 403)
    assert db.session.query(LoginSession).count() == before
    assert browser.get("/account/").status == 200


def test_a_forged_host_does_not_reach_a_mail(visitor: Any, make_account: Any, drain: Any, outbox: Any) -> None:
    """A14."""
    make_account(ANN)
    token = visitor.csrf_token()
    for headers in ({"Host": "evil.example"}, {"X-Forwarded-Host": "evil.example"}, {"Forwarded": "host=evil.example"}):
        visitor.client.post("/account/reset", data={"email": ANN, "csrf_token": token}, headers=headers)
    drain()
    assert outbox()
    assert not [mail for mail in outbox() if "evil.example" in mail.text + (mail.html or "")]


def test_when_all_cores_check_passwords_the_next_waits_and_readers_do_not(
    app: Flask, visitor: Any, make_article: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A03: a flood of sign-ins is answered by 429, and pages go on."""
    make_article("the-weir", access="free")
    monkeypatch.setattr(accounts.passwords, "PATIENCE", 0.01)
    slots, taken = app.extensions["password_slots"], 0
    while slots.acquire(blocking=False):
        taken += 1
    try:
        visitor.get("/account/sign-in")
        page = visitor.submit("/account/sign-in", email=ANN, password=PASSWORD)
        assert page.status == 429
        assert int(page.headers["Retry-After"]) >= 5
        assert visitor.get("/articles/the-weir").status == 200
    finally:
        for _ in range(taken):
            slots.release()
    visitor.get("/account/sign-in")
    assert visitor.submit("/account/sign-in", email=ANN, password=PASSWORD).status == 422


@pytest.mark.parametrize("method", ["put", "patch", "delete", "trace"])
def test_other_methods_are_refused(method: str, visitor: Any) -> None:
    assert getattr(visitor.client, method)("/account/sign-in").status_code in (400, 405)
