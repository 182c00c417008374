"""Safety F14: gated words nowhere where the reader is not entitled, and always where she is (which shows that we can see)."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from kit import clock
from kit.database import db
from membership import memberships
from publishing.newsletter import issues
from tests import factories
from tests.gate import world as worlds
from tests.gate.crawler import Answer, Crawler
from tests.gate.world import World

SEEDS = ("/", "/robots.txt", "/sitemap.xml", "/feed.xml", "/search?q=opening", "/newsletter/issues/", "/archive/", "/columns/", "/photos/", "/subscribe", "/contribute", "/account/sign-in", "/account/sign-up")  # fmt: skip

DAY = timedelta(days=1)


def past_due(days: int) -> dict[str, Any]:
    now = clock.now()
    return {"status": "past_due", "started_at": now - 60 * DAY, "paid_until": now - days * DAY, "changed_at": now - days * DAY}


def ended() -> dict[str, Any]:
    now = clock.now()
    times = {"ended_at": now - DAY, "paid_until": now - DAY, "ends_at": now - DAY, "changed_at": now - DAY}
    return {"status": "canceled", "started_at": now - 60 * DAY, "end_cause": "reader", **times}


# Who comes, whether the gate is open to her, and how she is made.
VIEWERS: dict[str, tuple[bool, Callable[[], Any]]] = {
    "a reader without membership": (False, lambda: factories.make_account()),
    "a lapsed member": (False, lambda: factories.make_member(**ended())),
    "past due, out of grace": (False, lambda: factories.make_member(**past_due(8))),
    "never paid at all": (False, lambda: factories.make_member(status="incomplete", paid_until=None)),
    "unpaid": (False, lambda: factories.make_member(status="unpaid")),
    "paused": (False, lambda: factories.make_member(status="paused")),
    "past due, in grace": (True, lambda: factories.make_member(**past_due(6))),
    "a member": (True, lambda: factories.make_member()),
    "on trial": (True, lambda: factories.make_member(status="trialing")),
    "leaving at the period's end": (True, lambda: factories.make_member(ends_at=clock.now() + DAY, notice_at=clock.now() - DAY)),
    "the editor": (True, lambda: factories.make_account("editor@desk.example", role="editor")),
}


@pytest.fixture
def world(app: Flask, drain: Any) -> World:
    made = worlds.build()
    worlds.send_letters(made, drain)
    return made


def leaks(answers: list[Answer], gated: dict[str, str], *, but_at: tuple[str, ...] = ()) -> list[str]:
    """Where gated words were seen, ``but_at`` these paths where they may be."""
    return [
        f"{answer.how} {answer.path}: {gated[word]}"
        for answer in answers
        if answer.path.split("?")[0] not in but_at
        for word in answer.words & gated.keys()
    ]


def public_paths(app: Flask) -> list[str]:
    """Every GET without arguments that the application has, whoever links to it."""
    rules = [rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ()) and not rule.arguments]
    return [rule.rule for rule in rules if not rule.rule.startswith("/_dev/")]


def kept_right(answers: list[Answer], gated: dict[str, str]) -> list[str]:
    """What a shared cache could do wrong: keep a page with gated words, or one that hands out a cookie."""
    wrong = []
    for answer in answers:
        control = answer.headers.get("Cache-Control", "")
        if answer.words & gated.keys() and control != "private, no-store":
            wrong.append(f"{answer.how} {answer.path} has gated words and says {control!r}")
        if "Set-Cookie" in answer.headers and control != "private, no-store":
            wrong.append(f"{answer.how} {answer.path} sets a cookie and says {control!r}")
    return wrong


def test_a_stranger_finds_no_gated_word_anywhere(app: Flask, visit: Any, world: World) -> None:
    """A new stranger at each request. Metered articles open to her once each, at their own address alone."""
    crawler = Crawler(visit(), keep=False)
    reached = crawler.crawl([*SEEDS, *public_paths(app)])
    assert {piece.path for piece in world.pieces} <= reached, "the crawl must come to every article"
    assert leaks(crawler.answers, world.words("members") | world.hidden) == []
    metered = tuple(piece.path for piece in world.of("metered"))
    assert leaks(crawler.answers, world.words("metered"), but_at=metered) == []
    assert kept_right(crawler.answers, world.words("members", "metered")) == []
    assert [answer.path for answer in crawler.answers if answer.status >= 500] == []


def test_a_browser_whose_meter_is_used_up_finds_none(visit: Any, world: World) -> None:
    crawler = Crawler(visit())
    pieces = world.of("metered")
    opened = [piece for piece in pieces if set(piece.gated.values()) <= crawler.ask(piece.path).words]
    assert opened == pieces[:3]
    crawler.answers.clear()
    crawler.crawl(SEEDS)
    gated = {word: where for piece in pieces[3:] for word, where in ((w, f"{piece.slug}: {x}") for x, w in piece.gated.items())}
    assert leaks(crawler.answers, gated | world.words("members") | world.hidden) == []
    assert kept_right(crawler.answers, world.words("members", "metered")) == []


@pytest.mark.parametrize("who", VIEWERS)
def test_each_viewer_sees_what_she_may_and_all_of_it(visit: Any, world: World, who: str) -> None:
    entitled, make = VIEWERS[who]
    crawler = Crawler(visit(make()))
    crawler.crawl(SEEDS)
    at_home = (
        tuple(piece.path for piece in world.of("metered", "members")) if entitled else tuple(piece.path for piece in world.of("metered"))
    )
    outside = [one for one in crawler.answers if not (who == "the editor" and one.path.startswith("/admin/"))]
    assert leaks(outside, world.words("members", "metered"), but_at=at_home) == []
    assert leaks(outside, world.hidden) == []
    assert kept_right(crawler.answers, world.words("members", "metered")) == []
    seen = {answer.path: answer.words for answer in crawler.answers}
    if entitled:
        for piece in world.pieces:
            assert set(piece.gated.values()) <= seen[piece.path], f"{piece.slug} is not whole"
    for piece in world.pieces:
        assert piece.open in seen[piece.path], f"{piece.slug} has no preview"


def test_a_gate_that_opens_to_nobody_would_be_noticed(visit: Any, world: World) -> None:
    """The two directions of the test above are told apart by the same eyes: a member's page has every word, a stranger's none."""
    piece = world.of("members")[0]
    member = Crawler(visit(factories.make_member())).ask(piece.path)
    stranger = Crawler(visit()).ask(piece.path)
    assert member.words - stranger.words == set(piece.gated.values())


# ---- the same page, asked for in other ways ----

PARAMETERS = [
    f"{name}={value}"
    for name in ("preview", "print", "amp", "full", "format", "output", "view", "mode", "access", "level", "token", "member", "reader", "staff", "debug", "_method", "page", "after", "from", "cookie", "session", "nometer", "utm_source")
    for value in ("1", "json", "full", "true", "%00", "-1")
]  # fmt: skip
HEADERS: list[dict[str, str]] = [
    *({"Accept": kind} for kind in ("application/json", "text/plain", "application/rss+xml", "application/activity+json", "text/markdown", "*/*;q=0", "application/ld+json", "application/amphtml")),
    *({"User-Agent": agent} for agent in ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "Twitterbot/1.0", "facebookexternalhit/1.1", "Googlebot-News", "bingbot/2.0", "archive.org_bot", "Mediapartners-Google", "curl/8", "")),
    *({"Referer": address} for address in ("https://www.google.com/", "https://t.co/abc", "https://www.facebook.com/", "https://news.google.com/", "http://localhost/admin/")),
    *({name: "1"} for name in ("X-Preview", "X-Requested-With", "X-Moz", "Purpose", "Sec-Purpose", "Save-Data", "X-Debug")),
    *({"Range": value} for value in ("bytes=0-", "bytes=0-99", "bytes=-500", "bytes=5000-", "bytes=0-1,5-9")),
    *({"X-HTTP-Method-Override": value} for value in ("POST", "PUT")),
    {"X-Forwarded-For": "127.0.0.1"}, {"X-Real-IP": "127.0.0.1"}, {"X-Original-URL": "/admin/articles/"}, {"X-Rewrite-URL": "/admin/"},
    {"X-Forwarded-Host": "evil.example"}, {"X-Forwarded-Prefix": "/admin"}, {"Authorization": "Bearer x"}, {"Authorization": "Basic b3duZXI6b3duZXI="},
    {"Cookie": "session=x"}, {"Cookie": "session="}, {"Cookie": "visitor=x; remember_token=1|x"}, {"Cookie": "appeal=closed"}, {"If-None-Match": "*"}, {"If-Modified-Since": "Sat, 01 Jan 2000 00:00:00 GMT"},
]  # fmt: skip
ENDINGS = ("/", ".json", ".txt", ".md", ".html", ".xml", "/amp", "/print", "/full", "/preview", "/feed.xml", "/index.html", ";jsessionid=1", "%2f", "%00", "%20", "/../", "//", "?", "#x", ".css", "/x.css")  # fmt: skip


def test_no_way_of_asking_opens_it(visit: Any, world: World) -> None:
    crawler = Crawler(visit(), keep=False)
    for piece in (world.of("members")[0], world.of("members")[-1]):
        for parameter in PARAMETERS:
            crawler.ask(f"{piece.path}?{parameter}", parameter)
        for headers in HEADERS:
            crawler.ask(piece.path, str(headers), headers=headers)
            crawler.ask(piece.path, f"HEAD {headers}", method="HEAD", headers=headers)
        for ending in ENDINGS:
            crawler.ask(piece.path + ending, ending)
        for odd in (
            piece.path.upper(),
            f"/./{piece.path}",
            f"/static/..{piece.path}",
            f"/media/..{piece.path}",
            f"/media/{piece.slug}",
            f"/{piece.slug}",
        ):
            crawler.ask(odd, "path")
        for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"):
            crawler.ask(piece.path, method, method=method, data={"access": "full"})
    assert len(crawler.answers) > 400
    assert leaks(crawler.answers, world.words("members") | world.hidden) == []
    assert [f"{one.how} {one.path}" for one in crawler.answers if one.status >= 500] == []
    assert kept_right(crawler.answers, world.words("members", "metered")) == []


def test_the_gated_page_is_as_long_whatever_it_hides(visit: Any, make_article: Any) -> None:
    """P06: nobody reads the length of the text from the length of the page, nor from the feed's."""
    short, long = "Opening.\n\n<!-- more -->\n\nShort.\n", "Opening.\n\n<!-- more -->\n\n" + "A long sentence about the mill. " * 4000
    at = clock.now() - timedelta(hours=2)
    for slug, body in (("hides-a", short), ("hides-b", long)):
        make_article(slug, body=body, title="Hides", at=at)
    lengths = {slug: len(visit().get(f"/articles/{slug}").html) for slug in ("hides-a", "hides-b")}
    nonce_free = {slug: visit().get(f"/articles/{slug}").headers["Content-Length"] for slug in lengths}
    assert lengths["hides-a"] == lengths["hides-b"]
    assert nonce_free["hides-a"] == nonce_free["hides-b"]


def test_search_knows_no_gated_word(visit: Any, world: World) -> None:
    """P05: the answer to a gated word is the answer to a word that stands nowhere; to a public one it is not."""
    member = factories.make_member()
    for browser in (visit(), visit(member)):
        nowhere = "q00000000000000"
        silence = browser.get(f"/search?q={nowhere}").html
        for word in [*world.words("members", "metered"), *world.hidden]:
            assert browser.get(f"/search?q={word}").html.replace(word, nowhere) == silence, word
        piece = world.of("members")[0]
        assert piece.path in browser.get(f"/search?q={piece.open}").links()


# ---- letters ----


def test_the_free_letter_and_its_page_hold_no_gated_word(app: Flask, visit: Any, world: World) -> None:
    letters = {
        str(mail["To"]): mail.as_string() + "".join(part.get_content() for part in mail.iter_parts())
        for mail in app.extensions["sent_mail"]
    }
    gated = world.words("members", "metered")
    free, whole = letters["free@letters.example"], letters["member@letters.example"]
    assert [where for word, where in (gated | world.hidden).items() if word in free] == []
    assert [where for word, where in world.hidden.items() if word in whole] == []
    told = [piece for piece in world.of("members", "metered") if piece.open in whole]
    assert len(told) >= 4
    for piece in told:
        link_titles = {piece.gated["link title"], piece.gated["title"]}  # letters carry no title attributes
        assert [word for word in piece.gated.values() if word not in whole and word not in link_titles] == [], piece.slug
    page = visit(factories.make_member()).get(f"/newsletter/issues/{issues.today().isoformat()}")
    assert page.status == 200
    assert [where for word, where in gated.items() if word in page.html] == []


def test_an_issue_that_was_not_sent_is_the_newsrooms(visit: Any, make_article: Any, member: Any, staff: Any) -> None:
    make_article()
    issues.prepare(issues.today())
    db.session.commit()
    day = issues.today().isoformat()
    editor = staff("editor")
    for browser in (visit(), visit(member())):
        assert browser.get(f"/newsletter/issues/{day}").status == 404
        assert f"/newsletter/issues/{day}" not in browser.get("/newsletter/issues/").links()
        assert browser.get(f"/admin/newsletter/{day}/members").status in (303, 404)
    assert visit(editor).get(f"/admin/newsletter/{day}/members").status == 200


# ---- the newsroom ----


def test_drafts_and_previews_are_the_newsrooms(visit: Any, world: World, staff: Any) -> None:
    preview = f"/admin/articles/{world.draft_id}/preview"
    for account in (None, factories.make_member(), staff("finance"), staff("support")):
        crawler = Crawler(visit(account))
        for path in (
            preview,
            f"/admin/articles/{world.draft_id}",
            "/admin/articles/",
            "/articles/never-out",
            "/articles/to-come",
            "/articles/taken-back",
        ):
            assert crawler.ask(path).status in (303, 403, 404), path
        assert leaks(crawler.answers, world.hidden | world.words("members")) == []
    words = Crawler(visit(staff("editor"))).ask(preview).words
    assert worlds.canary("hidden", "paragraph") in words


def test_access_ends_with_the_second(visit: Any, make_article: Any, app: Flask) -> None:
    """The gate asks the clock and no stored word: the same row opens just before its end and not at it."""
    import time_machine

    make_article()
    account = factories.make_member(ends_at=clock.now() + DAY, paid_until=clock.now() + 30 * DAY)
    browser, until = visit(account), clock.now() + DAY
    end = memberships.standing_of(account.id).windows[0].end
    assert abs(end - until) < timedelta(seconds=5)
    for at, shown in ((end - timedelta(seconds=1), True), (end, False)):
        with time_machine.travel(at, tick=False):
            assert ("QUARTZMILL" in browser.get("/articles/the-weir").html) is shown
