"""A reader opens an article: as visitor, as member, and as one whose membership ended. The gate, seen from outside."""

import json
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from kit import clock
from kit.database import db
from publishing import articles

SECRET = "QUARTZMILL"


def test_a_visitor_sees_the_preview_and_what_we_ask(visitor: Any, make_article: Any) -> None:
    make_article("the-weir")
    page = visitor.get("/articles/the-weir")
    assert page.status == 200
    assert "The weir was built in 1871." in page.text
    assert SECRET not in page.html
    assert "The rest of this article is for members" in page.text
    assert "Spread the word" in page.text


def test_a_member_sees_everything_and_is_asked_nothing(visit: Any, member: Any, make_article: Any) -> None:
    make_article("the-weir")
    page = visit(member()).get("/articles/the-weir")
    assert SECRET in page.html
    assert "Help keep us from drying up" not in page.text
    assert "for members" not in page.text.replace("For members", "")
    assert not [node for node in page.tree.iter("aside") if "ad" in (node.get("class") or "")]


def test_a_former_member_sees_the_preview(visit: Any, member: Any, make_article: Any) -> None:
    make_article("the-weir")
    reader = member(until=clock.now() - timedelta(days=60))
    assert SECRET not in visit(reader).get("/articles/the-weir").html


def test_a_free_article_is_whole_and_ends_with_the_appeal(visitor: Any, make_article: Any) -> None:
    make_article("the-weir", access="free")
    page = visitor.get("/articles/the-weir")
    assert SECRET in page.html
    assert "Help keep us from drying up" in page.text
    ways = {urlsplit(link).path for link in page.links()}
    assert {"/subscribe", "/contribute"} <= ways
    assert any(link.startswith("mailto:") for link in page.links())
    assert {"/newsletter/", "/appeals/close"} <= {form.get("action") for form in page.tree.iter("form")}


@pytest.mark.parametrize("text", ["", "Bell & Sons mend clocks"])
def test_a_visitor_sees_the_notice_and_a_member_never(
    visit: Any, member: Any, make_article: Any, app: Any, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setitem(app.config, "HOUSE_AD_TEXT", text)
    monkeypatch.setitem(app.config, "HOUSE_AD_URL", "https://clocks.example/")
    make_article("the-weir", access="free")
    page = visit().get("/articles/the-weir")
    assert (text or "Members read without it.") in page.text
    assert ("https://clocks.example/" in page.links()) is bool(text)
    assert (text or "Members read without it.") not in visit(member()).get("/articles/the-weir").text


def test_a_member_sees_no_appeal_on_a_free_article(visit: Any, member: Any, make_article: Any) -> None:
    make_article("the-weir", access="free")
    assert "Help keep us" not in visit(member()).get("/articles/the-weir").text


def test_metered_articles_count_down_and_close(visitor: Any, make_article: Any) -> None:
    for number in range(4):
        make_article(f"metered-{number}", access="metered", body=f"Open {number}.\n\n<!-- more -->\n\nHidden {number}.")
    for number in range(3):
        assert f"Hidden {number}." in visitor.get(f"/articles/metered-{number}").text
    last = visitor.get("/articles/metered-3")
    assert "Hidden 3." not in last.text
    assert "You have read this month’s free articles" in last.text
    assert "Hidden 0." in visitor.get("/articles/metered-0").text, "what was opened stays open"


@pytest.mark.parametrize("level", ["preview", "", "FULL", "none"])
def test_only_full_and_metered_load_the_text(app: Any, make_article: Any, level: str) -> None:
    from types import SimpleNamespace

    article = make_article("the-weir")
    assert SECRET not in articles.body_for(article, SimpleNamespace(level=level))
    assert SECRET in articles.body_for(article, SimpleNamespace(level="full"))


@pytest.mark.parametrize("tail", ["/", ".json", "%00", "/amp", "%20", "'", "/../the-weir2", "?preview=1&format=json", "?print=1", "?amp=1"])
def test_no_side_door(visitor: Any, make_article: Any, tail: str) -> None:
    make_article("the-weir")
    page = visitor.get(
        f"/articles/the-weir{tail}",
        headers={"User-Agent": "Googlebot/2.1", "Referer": "https://www.google.com/", "Accept": "application/json"},
    )
    assert page.status == (200 if tail.startswith("?") else 404)
    assert SECRET not in page.html


def test_drafts_and_what_lies_ahead_are_not_there(visitor: Any, make_article: Any) -> None:
    make_article("tomorrow", at=clock.now() + timedelta(days=1))
    draft = make_article("taken-back", title="Taken back")
    articles.unpublish(draft.id)
    db.session.commit()
    for path in ("/", "/archive/", "/topics/river/", "/search?q=weir", "/feed.xml", "/sitemap.xml"):
        html = visitor.get(path).html
        assert "tomorrow" not in html, path
        assert "taken-back" not in html, path
    assert visitor.get("/articles/tomorrow").status == 404
    assert visitor.get("/articles/taken-back").status == 404


def test_the_size_of_the_preview_page_says_nothing_of_the_text(app: Any, visitor: Any, make_article: Any) -> None:
    lengths = []
    for words in (10, 10_000):
        article = make_article("the-weir", body=f"Open.\n\n<!-- more -->\n\n{'word ' * words}")
        lengths.append(len(visitor.get("/articles/the-weir").html))
        db.session.delete(article)
        db.session.commit()
    assert lengths[0] == lengths[1]


def structured(page: Any) -> dict[str, Any]:
    (script,) = [node for node in page.tree.iter("script") if node.get("type") == "application/ld+json"]
    return json.loads(script.text)


def test_structured_data_says_what_is_paid_for(visitor: Any, make_article: Any) -> None:
    make_article("paid")
    make_article("free", access="free")
    paid, free = (structured(visitor.get(f"/articles/{slug}")) for slug in ("paid", "free"))
    assert paid["@type"] == "NewsArticle"
    assert paid["isAccessibleForFree"] is False
    assert paid["hasPart"]["cssSelector"] == ".gated"
    assert free["isAccessibleForFree"] is True
    assert "hasPart" not in free
    assert paid["mainEntityOfPage"] == "http://localhost/articles/paid"


def test_a_members_page_has_the_part_that_structured_data_names(visit: Any, member: Any, make_article: Any) -> None:
    make_article("paid")
    page = visit(member()).get("/articles/paid")
    (gated,) = [node for node in page.tree.iter("div") if "gated" in (node.get("class") or "").split()]
    assert SECRET in "".join(gated.itertext())


def test_metadata(visitor: Any, make_article: Any) -> None:
    make_article("the-weir", title='Weir "& <lock>', image="/media/weir.webp")
    tree = visitor.get("/articles/the-weir").tree
    meta = {node.get("property") or node.get("name"): node.get("content") for node in tree.iter("meta")}
    links = {node.get("rel"): node.get("href") for node in tree.iter("link")}
    assert meta["og:title"] == 'Weir "& <lock>'
    assert meta["og:description"] == meta["description"] == "What the weir is for."
    assert meta["og:image"] == "http://localhost/media/weir.webp"
    assert links["canonical"] == "http://localhost/articles/the-weir"


@pytest.mark.parametrize("payload", ["</script><script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{7*7}}", "<!--"])
def test_what_a_writer_types_stays_text(visitor: Any, make_article: Any, payload: str) -> None:
    make_article(
        "the-weir",
        access="free",
        title=f"T {payload}",
        summary=payload,
        author=payload,
        topic=f"a {payload}",
        body=f"B {payload.replace('<!--', '')}\n\nx",
    )
    for path in ("/articles/the-weir", "/", "/search?q=weir"):
        page = visitor.get(path)
        assert page.status == 200
        scripts = list(page.tree.iter("script"))
        assert all(node.get("src", "").startswith("/static/") or node.get("type") == "application/ld+json" for node in scripts)
        assert not [name for node in page.tree.iter() if isinstance(node.tag, str) for name in node.attrib if name.startswith("on")]
        assert "49" not in page.text or "{{" not in payload
    assert structured(visitor.get("/articles/the-weir"))["headline"] == f"T {payload}"


def test_who_may_keep_the_page(visit: Any, member: Any, make_article: Any) -> None:
    make_article("paid")
    make_article("metered", access="metered")
    stranger = visit().get("/articles/paid")
    assert stranger.headers["Cache-Control"] == "public, max-age=60"
    assert "Set-Cookie" not in stranger.headers
    assert "Cookie" in stranger.headers["Vary"]
    for page in (visit(member()).get("/articles/paid"), visit().get("/articles/metered")):
        assert page.headers["Cache-Control"] == "private, no-store"


# ---- the appeal ----


def test_the_appeal_closes_and_stays_closed(visitor: Any, make_article: Any) -> None:
    make_article("the-weir", access="free")
    visitor.get("/articles/the-weir")
    answer = visitor.submit("/appeals/close")
    assert (answer.status, answer.location) == (303, "/articles/the-weir")
    page = visitor.get("/articles/the-weir")
    assert "Help keep us" not in page.text
    assert SECRET in page.html
    assert page.headers["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", ""])
def test_closing_leads_nowhere_else(visitor: Any, make_article: Any, target: str) -> None:
    answer = visitor.post("/appeals/close", {"next": target}, csrf=False)
    assert (answer.status, answer.location) == (303, "/")


def test_share_links_tell_nobody_who_reads(visitor: Any, make_article: Any) -> None:
    make_article("the-weir", access="free", title="Weir & lock?")
    page = visitor.get("/articles/the-weir")
    assert any(link.startswith("mailto:?subject=Weir%20%26%20lock%3F&body=http%3A%2F%2Flocalhost") for link in page.links())
    assert not [node for tag in ("script", "img", "iframe") for node in page.tree.iter(tag) if "//" in node.get("src", "")]


def test_prices_come_from_whoever_sells(app: Any, visitor: Any, make_article: Any) -> None:
    from types import SimpleNamespace

    from publishing import appeals

    before = app.extensions["offer_source"]
    appeals.offer_from(app, lambda: [SimpleNamespace(name="Reader", amount=500, currency="usd", interval="month")])
    make_article("the-weir")
    try:
        assert "$5.00 a month" in visitor.get("/articles/the-weir").text
    finally:
        appeals.offer_from(app, before)
