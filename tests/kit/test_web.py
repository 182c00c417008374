"""What every answer carries, and what every door refuses."""

from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from kit import errors, logs
from kit.database import db
from kit.urls import safe_next
from membership.guards import public


@pytest.mark.parametrize("path", ["/", "/healthz", "/no-such-page", "/account/sign-in"])
def test_security_headers(client: Any, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in policy
    assert "'unsafe-inline'" not in policy
    assert "frame-ancestors 'none'" in policy
    for host in ("https://checkout.stripe.com", "https://billing.stripe.com"):
        assert host in policy.split("form-action")[1].split(";")[0]


def test_a_strangers_front_page_may_be_cached_and_a_readers_not(visit: Any, make_account: Any) -> None:
    stranger = visit().get("/")
    assert "Set-Cookie" not in stranger.headers
    reader = visit(make_account()).get("/account/")
    assert reader.headers["Cache-Control"] == "private, no-store"
    assert "Cookie" in reader.headers["Vary"]


def test_request_ids_come_and_go(client: Any) -> None:
    assert client.get("/healthz", headers={"X-Request-ID": "from-the-proxy-1"}).headers["X-Request-ID"] == "from-the-proxy-1"
    forged = client.get("/healthz", headers={"X-Request-ID": 'x" injected'}).headers["X-Request-ID"]
    assert forged != 'x" injected'


def test_a_form_without_its_token_is_refused(visitor: Any) -> None:
    assert visitor.post("/account/link", {"email": "ann@reader.example"}, csrf=False).status == 400


def test_only_these_posts_need_no_token(app: Flask) -> None:
    from kit.csrf import csrf

    machines = {name for name, view in app.view_functions.items() if getattr(view, "from_machines", False)}
    exempt = {name for name, view in app.view_functions.items() if f"{view.__module__}.{view.__name__}" in csrf._exempt_views}
    assert machines == {"webhook.notified", "webhook.receive", "newsletter.leave"}
    assert exempt - machines == {"newsletter.subscribe", "appeals.close"}


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}])
def test_a_form_from_another_site_is_refused(visitor: Any, headers: dict[str, str]) -> None:
    assert visitor.post("/newsletter/", {"email": "ann@reader.example"}, headers=headers).status == 403


@pytest.mark.parametrize("path", ["/", "/articles/none", "/api/v1/me", "/healthz"])
def test_a_host_that_is_not_ours_is_refused(app: Flask, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setitem(app.config, "TRUSTED_HOSTS", ["news.example"])
    assert app.test_client().get(path, headers={"Host": "news.example"}).status_code in (200, 401, 404)
    assert app.test_client().get(path, headers={"Host": "evil.example"}).status_code == 400


def test_health(client: Any) -> None:
    assert client.get("/healthz").json == {"status": "ok"}
    assert client.get("/readyz").status_code == 200
    assert b"wellspring_requests_total" in client.get("/metrics").data
    assert client.get("/metrics", environ_base={"REMOTE_ADDR": "192.0.2.7"}).status_code == 404


def test_production_has_no_mailbox(client: Any, app: Flask) -> None:
    assert client.get("/_dev/mailbox").status_code == 200
    app.config["APP_ENV"] = "production"
    try:
        assert client.get("/_dev/mailbox").status_code == 404
        assert client.get("/_dev/mailbox.json").status_code == 404
    finally:
        app.config["APP_ENV"] = "development"


OUTSIDE = [
    "//evil.example", "/\\evil.example", "https://evil.example", "http:evil.example", "/\t/evil.example", "\\/evil.example", "/ /evil", "javascript:alert(1)",
    "/\r\nLocation: x", "/%0d%0a/..//evil\n", "", None, "evil.example", "///evil.example", "/\x00", "////evil", "/é",
]  # fmt: skip


@pytest.mark.parametrize("target", OUTSIDE)
def test_returns_stay_on_this_site(target: str | None) -> None:
    assert safe_next(target, "/home") == "/home"


@pytest.mark.parametrize("target", ["/", "/articles/the-weir", "/subscribe?plan=x&next=%2Fa", "/a//b"])
def test_returns_to_paths_of_ours(target: str) -> None:
    assert safe_next(target, "/home") == target


@given(st.text(max_size=30))
def test_whatever_is_accepted_is_a_path(target: str) -> None:
    from urllib.parse import urljoin, urlsplit

    accepted = safe_next(target, "/home")
    assert urlsplit(urljoin("https://news.example/account/sign-in", accepted)).netloc == "news.example"


def test_secrets_stay_out_of_logs() -> None:
    entry = {
        "event": "key sk_live_abcdefgh card 4242424242424242",
        "password": "hunter2hunter2",
        "stripe_signature": "t=1,v1=x",
        "path": "/a",
    }
    clean = logs.redact(None, "info", entry)
    assert "sk_live" not in clean["event"]
    assert "4242424242424242" not in clean["event"]
    assert clean["password"] == clean["stripe_signature"] == "[redacted]"
    assert clean["path"] == "/a"


def test_an_error_that_nobody_foresaw_tells_no_token_and_no_row(
    app: Flask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A link that still opens something is part of an address, and what was to be written may be a password's hash."""

    def fails(**_: Any) -> None:
        db.session.execute(
            text("insert into account (email, password) values (:email, :password)"),
            {"email": "ann@x.example", "password": "$argon2id$hash"},
        )

    monkeypatch.setitem(app.view_functions, "account.open_link", public(fails))
    assert app.test_client().get("/account/link/a-token-that-opens").status_code == 500
    assert "IntegrityError" in caplog.text
    assert "/account/link/<token>" in caplog.text
    assert [said for said in ("a-token-that-opens", "ann@x.example", "$argon2id$hash") if said in caplog.text] == []


def test_an_error_report_tells_no_token_and_no_row() -> None:
    report = {
        "request": {"url": "https://x.example/account/link/token"},
        "exception": {"values": [{"value": "refused\nDETAIL:  (1, ann@x.example)"}, {}]},
    }
    assert errors._cleaned(report, {}) == {
        "request": {},
        "exception": {"values": [{"value": "refused\nDETAIL: [redacted]"}, {"value": ""}]},
    }


@pytest.mark.parametrize("path", ["/account/receipts/%00", "/admin/members/%00", "/admin/contributions/%00", "/admin/ledger/?about=%00"])
def test_what_no_database_can_hold_is_no_error_of_ours(path: str, visit: Any, staff: Any) -> None:
    """SQLite looks for a NUL and finds nothing; PostgreSQL refuses to look, and that was a 500."""
    assert visit(staff("owner")).get(path).status in (200, 400, 404)
