"""deploy/nginx.conf as it is shipped, run by nginx before production: what is kept and what never is, what is let through and what is not."""

import contextlib
import json
import socket
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from bench.front import NAME, missing
from bench.servers import ROOT
from kit.database import db
from payments.domain.signatures import LARGEST
from publishing import articles
from publishing.domain.articles import ArticleFields
from tests import waiting
from tests.scenarios.front import TEXT, Answer, World, article, event, of, payloads, signed, world

pytestmark = [pytest.mark.skipif(bool(missing()), reason=f"{missing()} is not installed"), pytest.mark.xdist_group("front")]  # one nginx

HOOK = "/webhooks/stripe"


@pytest.fixture(scope="module")
def site(database: str, apps: Any, databases: Any) -> Iterator[World]:
    """One for the whole file: each test has articles, readers, events and (where they are counted) addresses of its own."""
    with world(database, apps, databases, "tests.scenarios.shortly:create_app") as standing:
        yield standing


def test_the_shipped_configuration_is_accepted(site: World) -> None:
    assert "test is successful" in site.front.check()


# --- what is kept -------------------------------------------------------------------------------------------------------


def test_a_visitors_page_is_kept_for_as_long_as_the_application_says(site: World) -> None:
    path = article(site, "kept")
    first, second = site.ask(path), site.ask(path)
    assert (first.status, second.status) == (200, 200)
    assert b"QUARTZMILL" in second.body
    assert second["X-Request-ID"] == first["X-Request-ID"]  # the application was not asked
    waiting.until(lambda: site.ask(path)["X-Request-ID"] != first["X-Request-ID"], what="a new copy")


def test_what_was_taken_back_or_closed_is_not_shown_even_when_the_application_is_down(site: World) -> None:
    back, closed, left = article(site, "taken-back"), article(site, "closed"), article(site, "left-open")
    assert all(b"QUARTZMILL" in site.ask(path).body for path in (back, closed, left))
    with site.app.app_context():
        articles.unpublish(of("taken-back").id)
        found = of("closed")
        said = {"title": "Closed", "slug": "closed", "kind": "article", "author": "A", "topic": "River", "access": "members"}
        articles.save(ArticleFields(**said, summary="", body=TEXT), article_id=found.id, version=found.version)
        db.session.commit()
    waiting.until(lambda: site.ask(back).status == 404, what="the article to be gone")
    waiting.until(lambda: b"QUARTZMILL" not in site.ask(closed).body, what="the article to be closed")
    with site.down():
        assert b"QUARTZMILL" in waiting.until(lambda: site.ask(left), what="an answer").body  # an old copy, for want of another
        waiting.until(lambda: site.ask(f"{left}?new").status == 502, what="the application to be away")
        gone, shut = site.ask(back), site.ask(closed)
        assert b"QUARTZMILL" not in gone.body + shut.body
        assert (gone.status, shut.status) == (404, 200)
        assert site.ask("/account/link/canary-down").status == 502
        assert site.ask(HOOK, "POST", b"{}").status == 502  # Stripe comes again
    assert "canary-down" not in site.logs()


def test_a_members_page_is_never_kept_nor_anybody_elses(site: World) -> None:
    before, after = article(site, "members-first", "members"), article(site, "visitors-first", "members")
    ann, bob = site.cookie("ann@front.example"), site.cookie("bob@front.example")
    assert b"QUARTZMILL" not in site.ask(after).body
    for path in (before, after):
        assert b"QUARTZMILL" in site.ask(path, headers=ann).body
        assert b"QUARTZMILL" not in site.ask(path).body
        assert b"QUARTZMILL" not in site.ask(path, headers={"Cookie": "a=b"}).body
        assert b"QUARTZMILL" in site.ask(path, headers=bob).body
    assert b"ann@front.example" in site.ask("/account/", headers=ann).body
    assert b"bob@front.example" in site.ask("/account/", headers=bob).body
    assert site.ask("/account/").status == 303
    assert json.loads(site.ask("/api/v1/me", headers=ann).body)
    assert site.ask("/api/v1/me").status == 401
    kept = site.kept()
    assert b"/articles/members-first" in kept  # it does look where things are kept
    assert b"ann@front.example" not in kept
    assert b"bob@front.example" not in kept
    assert not any(b"QUARTZMILL" in page for page in kept.split(b"KEY: ") if b"s-first" in page.split(b"\n", 1)[0])


def test_an_answer_that_sets_a_cookie_is_never_kept(site: World) -> None:
    found = [site.ask("/account/sign-in") for _ in range(3)]
    assert len({answer["Set-Cookie"] for answer in found}) == 3
    assert b"set-cookie" not in site.kept().lower()


def test_pages_that_may_not_be_kept_are_not_fetched_one_after_the_other(site: World) -> None:
    """With nginx's lock each of these waited for the one before, in steps of half a second."""
    lines = [site.line("127.0.0.9") for _ in range(12)]
    for line in lines:
        line.sendall(b"GET /account/sign-in HTTP/1.1\r\nHost: news.example\r\nConnection: close\r\n\r\n")
    for line in lines:
        while line.recv(65536):
            pass
        line.close()

    def took() -> list[float]:
        return [float(one.split()[-3]) for one in site.front.log().splitlines() if one.startswith("127.0.0.9 ")]

    waiting.until(lambda: len(took()) == 12, what="twelve lines in the log")
    assert sum(half_a_second(each) for each in took()) < 3, took()


def half_a_second(seconds: float) -> bool:
    """A whole number of the lock's steps, and a little."""
    return seconds >= 0.5 and seconds % 0.5 < 0.05


# --- webhooks -----------------------------------------------------------------------------------------------------------


def chunks(body: bytes) -> Iterator[bytes]:
    yield from (body[at : at + 700] for at in range(0, len(body), 700))


def test_a_webhooks_body_arrives_byte_for_byte(site: World) -> None:
    small, large = event("small"), event("large", filler="ü" * 60_000)
    assert site.ask(HOOK, "POST", small, signed(site, small)).status == 200
    assert site.ask(HOOK, "POST", chunks(large), signed(site, large)).status == 200
    assert sorted(payloads(site, "evt_small", "evt_large"), key=len) == [small.decode(), large.decode()]
    assert site.ask(HOOK, "POST", small + b" ", signed(site, small)).status == 400


def test_bodies_that_are_too_large_are_refused_before_the_application(site: World) -> None:
    whole = b'{"id": "evt_huge"}' + b" " * LARGEST
    for body in (whole, chunks(whole)):
        assert site.ask(HOOK, "POST", body, signed(site, whole)).status == 413
    with site.line() as line:  # says a gigabyte, and is refused at once
        line.sendall(b"POST /webhooks/stripe HTTP/1.1\r\nHost: news.example\r\nContent-Length: 1000000000\r\n\r\n")
        assert b" 413 " in line.recv(100)
    just = b'{"id": "evt_fits", "filler": "' + b"x" * (LARGEST - 100) + b'"}'
    assert site.ask(HOOK, "POST", just, signed(site, just)).status == 400  # it came through; it is no event


def test_a_burst_of_genuine_events_is_not_limited_away(site: World) -> None:
    """Three times a hundred at the same moment, from one address."""
    statuses: Counter[bytes] = Counter()
    with contextlib.ExitStack() as stack:
        lines = [stack.enter_context(site.line()) for _ in range(100)]
        for each in range(3):
            for number, line in enumerate(lines):
                body = event(f"burst{each}x{number}")
                head = "".join(f"{name}: {value}\r\n" for name, value in signed(site, body).items())
                line.sendall(f"POST {HOOK} HTTP/1.1\r\nHost: {NAME}\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            statuses.update(line.recv(4096).split()[1] for line in lines)
    assert statuses == {b"200": 300}
    assert len(payloads(site, *(f"evt_burst{each}x{number}" for each in range(3) for number in range(100)))) == 300


TRICKS = ["/webhooks/stripe/", "/webhooks//stripe/", "/webhooks/stripe/.", "/webhooks/stripe%2f", "/webhooks/stripe%00", "/webhooks/x/%2e%2e/stripe",
          "/Webhooks/stripe", "/webhooks/stripe;x", "/webhooks/", "/webhooks", "/static/../webhooks/stripe", "/webhooks/stripe.css"]  # fmt: skip


@pytest.mark.parametrize("path", TRICKS)
def test_w17_other_paths_are_nothing_and_redirect_nowhere(site: World, path: str) -> None:
    body = event("trick")
    assert site.ask(path, "POST", body, signed(site, body)).status in (400, 404, 405)
    assert payloads(site, "evt_trick") == []


def test_w17_other_methods_are_refused(site: World) -> None:
    body = event("method")
    for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE"):
        assert site.ask(HOOK, method, body, signed(site, body)).status == 405, method
    assert payloads(site, "evt_method") == []


def test_http_leads_to_this_sites_https_and_a_webhooks_post_nowhere(site: World) -> None:
    for host in (NAME, "evil.example"):
        found = site.ask("/articles/x?a=1", tls=False, headers={"Host": host})
        assert (found.status, found["Location"]) == (301, f"https://{NAME}/articles/x?a=1")
    body = event("plain")
    found = site.ask(HOOK, "POST", body, signed(site, body), tls=False)
    assert (found.status, found["Location"]) == (403, "")
    assert payloads(site, "evt_plain") == []


# --- who somebody is ----------------------------------------------------------------------------------------------------


def test_nobody_says_for_himself_where_he_comes_from(site: World) -> None:
    """Thirty guesses an hour from one address, whatever each of them claims; somebody at another address may still guess."""
    names = ("X-Forwarded-For", "X_Forwarded_For", "X-Real-IP", "Forwarded", "X-Client-IP")

    def guess(number: int, source: str) -> int:
        claimed = {name: f"{'for=' * (name == 'Forwarded')}198.51.100.{number}" for name in names}
        return site.ask(f"/gift/redeem/guess{number}", headers=claimed, source=source).status

    seen = [guess(number, "127.0.0.3") for number in range(31)]
    assert 429 not in seen[:29]
    assert seen[-1] == 429
    assert guess(99, "127.0.0.4") != 429


def test_another_hosts_name_is_refused_and_gets_into_no_page(site: World) -> None:
    path = article(site, "whose-host")
    assert site.ask(path, headers={"Host": "evil.example"}).status == 400
    spoofed = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http", "X-Forwarded-Prefix": "/evil", "X-Forwarded-Port": "81"}
    found = site.ask(path, headers=spoofed)
    assert found.status == 200
    assert b"evil" not in found.body
    assert site.ask(path).body == found.body
    assert b"evil.example" not in site.kept()
    back = site.ask("/account/", headers=spoofed)
    assert (back.status, "evil" in back["Location"], "http:" in back["Location"]) == (303, False, False)


def test_only_this_machine_sees_the_counters(site: World) -> None:
    for path in ("/metrics", "//metrics", "/%6detrics", "/x/../metrics", "/metrics/", "/readyz", "/./readyz"):
        assert site.ask(path).status == 404, path
    assert site.ask("/healthz").status == 200


# --- headers and files --------------------------------------------------------------------------------------------------

ONCE = ("X-Content-Type-Options", "Referrer-Policy", "X-Frame-Options", "Content-Security-Policy", "Strict-Transport-Security",
        "Cross-Origin-Opener-Policy", "Permissions-Policy", "X-Request-ID", "Cache-Control")  # fmt: skip


def test_security_headers_are_there_once(site: World) -> None:
    path = article(site, "headers")
    ann = site.cookie("headers@front.example")
    asked = [
        site.ask(path),
        site.ask(path),
        site.ask(path, headers=ann),
        site.ask("/account/sign-in"),
        site.ask("/no-such-page", headers=ann),
    ]
    for answer in asked:
        assert {name: times(answer, name) for name in ONCE} == dict.fromkeys(ONCE, 1)
    refused, file = site.ask(HOOK, "POST", b"{}"), site.ask("/static/css/site.css")
    assert (refused.status, file.status) == (400, 200)
    assert [times(answer, "X-Content-Type-Options") for answer in (refused, file, site.ask("/static/none.css"))] == [1, 1, 1]
    assert all(answer["Server"] == "nginx" for answer in (*asked, refused, file))  # no version


def times(answer: Answer, name: str) -> int:
    return Counter(found.lower() for found, _ in answer.headers)[name.lower()]


def test_static_files_are_kept_by_their_names(site: World) -> None:
    page = site.ask(article(site, "styled")).body.decode()
    versioned = page.split('href="/static/css/site.css', 1)[1].split('"', 1)[0]
    assert versioned.startswith("?v=")
    named, plain = site.ask("/static/css/site.css" + versioned), site.ask("/static/css/site.css")
    assert named.body == plain.body == (ROOT / "static" / "css" / "site.css").read_bytes()
    assert (named["Cache-Control"], plain["Cache-Control"]) == ("max-age=31536000", "max-age=3600")
    assert site.ask("/static/css/site.css", headers={"If-None-Match": plain["ETag"]}).status == 304
    assert site.ask("/static/css/site.css", headers={"Accept-Encoding": "gzip"})["Content-Encoding"] == "gzip"
    for path in ("/static/../app.py", "/static/..%2fapp.py", "/static../app.py", "/static/css/../../app.py", "/static/", "/static/css"):
        assert b"create_app" not in site.ask(path).body, path


def test_no_secret_of_an_address_gets_into_a_log(site: World) -> None:
    """Each address that the application gives a secret in, over both ports, and odd spellings of one."""
    secret = {"token", "code", "public_id"}
    rules = {rule.rule for rule in site.app.url_map.iter_rules() if secret & rule.arguments and not rule.rule.startswith("/admin/")}
    paths = {rule.split("<")[0] + "canary-in-an-address" + rule.rpartition(">")[2] for rule in rules}
    assert len(paths) > 10
    paths |= {"//account//link/canary-x", "/account/%6cink/canary-x", "/x/../account/link/canary-x", "/account/sign-in?next=canary-x"}
    for path in sorted(paths):
        site.ask(path, source="127.0.0.7")
        site.ask(path, tls=False)
    said = waiting.until(lambda: site.logs() if "/group/join/..." in site.logs() else "", what="the log")
    assert "canary" not in said


# --- floods -------------------------------------------------------------------------------------------------------------


def test_one_address_that_asks_without_end_is_told_to_wait_and_the_others_are_served(site: World) -> None:
    path = article(site, "flooded")

    def status(line: socket.socket) -> int:
        line.sendall(f"HEAD {path} HTTP/1.1\r\nHost: {NAME}\r\n\r\n".encode())
        return int(line.recv(4096).split()[1])

    with site.line(source="127.0.0.5") as line:
        seen: list[int] = []
        for _ in range(900):  # nginx closes a line after a thousand requests
            seen.append(status(line))
            if seen[-1] == 429:
                break
    assert set(seen[:200]) == {200}
    assert seen[-1] == 429
    assert site.ask(path, source="127.0.0.6").status == 200
