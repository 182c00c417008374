"""Safety F15: every door of the application, as a stranger, a reader and each role, against what the door declares."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from werkzeug.routing import Rule

from kit.csrf import csrf
from membership.guards import declared
from tests import factories

UNSAFE = ("POST", "PUT", "PATCH", "DELETE")
ROLES = ("owner", "editor", "finance", "support")

# The posts that need no token, each with its reason: signed by Stripe; asked for by a mail program (RFC 8058); and two
# small forms on pages that every cache may keep, which act with nobody's authority.
WITHOUT_TOKEN = {"webhook.notified", "webhook.receive", "newsletter.leave", "newsletter.subscribe", "appeals.close"}
FROM_MACHINES = {"webhook.notified", "webhook.receive", "newsletter.leave"}

# Public, and yet they ask a stranger to sign in: a browser's well-known address; a gift and a seat, which she looked at first.
SEND_TO_SIGN_IN = {"me.change_password", "gifts.unwrap", "groups.take"}

# Pages of libraries that declare themselves.
PUBLIC = {
    "account.check_mail", "account.confirm", "account.link", "account.open_link", "account.use_link", "account.verify",
    "appeals.close", "archive.index", "archive.month", "articles.show", "checkout.subscribe", "columns.index",
    "contributions.contribute", "contributions.start", "contributions.thanks", "feeds.feed", "feeds.robots", "feeds.sitemap",
    "front.index", "gifts.card", "gifts.enter", "gifts.form", "gifts.given", "gifts.readdress", "gifts.redeem", "gifts.send", "gifts.start",
    "gifts.thanks", "gifts.unwrap", "groups.join", "groups.offer", "groups.take", "health.healthz", "health.metrics", "health.readyz", "mailbox.html", "mailbox.listing", "mailbox.show",
    "me.change_password", "media.show", "monthly.card", "monthly.end", "monthly.show", "newsletter.archive", "newsletter.asked",
    "newsletter.choose", "newsletter.confirm", "newsletter.confirmed", "newsletter.index", "newsletter.issue", "newsletter.leave",
    "newsletter.preferences", "newsletter.subscribe", "newsletter.unsubscribe", "photos.index", "receipts.guest_statement", "receipts.pdf", "receipts.show", "search.index",
    "security.forgot_password", "security.login", "security.logout", "security.register", "security.reset_password", "static",
    "thanks.index", "thanks.withdraw",
    "topics.show", "webhook.notified", "webhook.receive",
}  # fmt: skip


def address(app: Flask, rule: Rule) -> str:
    """The rule's address with something plausible in each gap."""
    values: dict[str, Any] = {}
    for name in rule.arguments:
        converter = rule._converters[name]
        kind = type(converter).__name__
        values[name] = {"IntegerConverter": 1, "AnyConverter": next(iter(getattr(converter, "items", ["x"])), "x")}.get(kind, "x")
        if name in ("year", "month"):
            values[name] = {"year": 2026, "month": 11}[name]
        if name == "day":
            values[name] = "2026-11-22"
    with app.test_request_context():
        built = rule.build(values, append_unknown=False)
    assert built is not None, rule
    return built[1]


def doors(app: Flask) -> Iterator[tuple[str, str, str, Any]]:
    """(method, address, endpoint, what it declares) of every door."""
    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - {"OPTIONS"}):
            yield method, address(app, rule), rule.endpoint, declared(app, rule.endpoint)


def knock(browser: Any, method: str, path: str, **kwargs: Any) -> Any:
    """Ask, with this browser's token where one is needed."""
    headers = {"X-CSRFToken": browser.csrf_token()} if method in UNSAFE else {}
    browser._new_request()
    answer = browser.client.open(path, method=method, headers={**headers, **kwargs.pop("headers", {})}, **kwargs)
    answer.close()
    return answer


@pytest.fixture(autouse=True)
def unlimited(app: Flask) -> Iterator[None]:
    """Limits come before the guards: without them off, the walk would end at 429 and say nothing of the door."""
    from kit.limits import limiter

    was, limiter.enabled = limiter.enabled, False
    yield
    limiter.enabled = was


def test_every_door_declares_itself_and_the_public_ones_are_these(app: Flask) -> None:
    """A new public page is a decision: it is added to the list above by somebody who means it."""
    found = {rule.endpoint: declared(app, rule.endpoint) for rule in app.url_map.iter_rules()}
    assert [endpoint for endpoint, access in found.items() if access is None] == []
    assert {endpoint for endpoint, access in found.items() if access == "public"} == PUBLIC
    assert {role for access in found.values() if isinstance(access, tuple) for role in access} <= set(ROLES)


def test_a_stranger_is_sent_to_sign_in(app: Flask, visit: Any) -> None:
    browser = visit()
    for method, path, endpoint, access in doors(app):
        if access == "public":
            continue
        answer = knock(browser, method, path)
        if path.startswith("/api/"):
            assert answer.status_code == 401, endpoint
            continue
        assert answer.status_code == 303, (method, path)
        assert answer.headers["Location"].startswith("/account/sign-in"), (method, path)
        assert "Set-Cookie" not in answer.headers or answer.headers["Cache-Control"] == "private, no-store", (method, path)


def test_a_public_door_is_open_to_a_stranger(app: Flask, visit: Any) -> None:
    """Whatever it then says of what is not there: it neither asks who she is nor breaks."""
    for method, path, endpoint, access in doors(app):
        if access == "public":
            answer = knock(visit(), method, path)
            assert answer.status_code < 500, (method, path, answer.status_code)
            assert answer.status_code not in (401, 403), (method, path)
            assert endpoint in SEND_TO_SIGN_IN or not answer.headers.get("Location", "").startswith("/account/sign-in?"), (
                method,
                path,
            )


@pytest.mark.parametrize("role", [None, *ROLES])
def test_each_role_passes_where_the_door_says_so_and_nowhere_else(app: Flask, visit: Any, role: str | None) -> None:
    account = factories.make_account("somebody@desk.example", role=role)
    for method, path, endpoint, access in doors(app):
        if access == "public":
            continue
        browser = visit(account)  # each door by a fresh session: some of them end sessions
        answer = knock(browser, method, path)
        said = (method, path, answer.status_code)
        assert answer.status_code < 500 or answer.status_code == 503, said  # 503: Stripe is away in this test
        if access == "signed_in" or (role is not None and role in access):
            assert answer.status_code not in (401, 403), said
            assert "sign-in?next" not in answer.headers.get("Location", ""), said
        else:
            # To readers the newsroom's pages do not exist; staff is told that it may not.
            assert answer.status_code == (404 if role is None else 403), said
            assert endpoint.split(".")[0] not in ("account", "billing"), said


def test_each_unsafe_door_wants_a_token(app: Flask, visit: Any) -> None:
    exempt = {endpoint for endpoint, view in app.view_functions.items() if f"{view.__module__}.{view.__name__}" in csrf._exempt_views}
    assert exempt == WITHOUT_TOKEN
    assert not csrf._exempt_blueprints
    owner = factories.make_account("owner@desk.example", role="owner")
    for account in (None, owner):
        for method, path, endpoint, _access in doors(app):
            if method not in UNSAFE or endpoint in WITHOUT_TOKEN:
                continue
            browser = visit(account)
            for token in ({}, {"X-CSRFToken": "x"}, {"X-CSRFToken": visit().csrf_token() + "x"}):
                browser._new_request()
                answer = browser.client.open(path, method=method, headers=token)
                assert answer.status_code == 400, (method, path, answer.status_code)


def test_a_post_that_a_browser_marks_as_foreign_is_refused(app: Flask, visit: Any) -> None:
    owner = factories.make_account("owner@desk.example", role="owner")
    for method, path, endpoint, _access in doors(app):
        if method not in UNSAFE or endpoint in FROM_MACHINES:
            continue
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
            assert knock(visit(owner), method, path, headers=headers).status_code == 403, (method, path, headers)


def test_other_methods_and_endings_open_nothing(app: Flask, visit: Any) -> None:
    """OPTIONS, HEAD and odd spellings of an address meet the decision that the plain one meets (safety Z05, P14)."""
    reader = factories.make_account()
    for rule in app.url_map.iter_rules():
        access = declared(app, rule.endpoint)
        if access == "public":
            continue
        path = address(app, rule)
        for method in {"PUT", "PATCH", "DELETE"} - (rule.methods or set()):
            assert knock(visit(reader), method, path).status_code in (403, 404, 405), (method, path)
        for odd in (
            f"/.{path}",
            path + ".css",
            path.rstrip("/") + "/x.css",
            path.rstrip("/") + ";x",
            path.rstrip("/") + "%2f",
            path.upper(),
            f"/static/..{path}",
        ):
            answer = knock(visit(reader), "GET", odd)
            may = access == "signed_in" and answer.status_code == 200  # %2f is the same address, and the page is hers
            assert may or answer.status_code in (303, 308, 404, 405, 410), (odd, answer.status_code)
            assert answer.headers.get("Cache-Control") == "private, no-store", odd
