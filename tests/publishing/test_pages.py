"""Front page, archive, topics, columns, photos, search, feeds: visited as a stranger."""

from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree  # our own feed is parsed here, nobody else's

import pytest

from kit import clock
from kit.database import db
from publishing import articles

SECRET = "QUARTZMILL"
PAGES = ("/", "/archive/", "/columns/", "/photos/", "/search", "/feed.xml", "/sitemap.xml", "/robots.txt")


@pytest.mark.parametrize("path", PAGES)
def test_an_empty_publication_has_its_pages(visitor: Any, path: str) -> None:
    page = visitor.get(path)
    assert page.status == 200
    assert "Set-Cookie" not in page.headers
    assert page.headers["Cache-Control"].startswith("public, max-age=")
    assert "charset=utf-8" in page.headers["Content-Type"]


@pytest.mark.parametrize("path", [*PAGES, "/articles/the-weir", "/topics/river/"])
def test_head_answers_like_get_without_the_page(client: Any, make_article: Any, path: str) -> None:
    make_article("the-weir")
    got, head = client.get(path), client.head(path)
    assert head.status_code == got.status_code == 200
    assert head.data == b""
    assert head.headers["Content-Length"] == got.headers["Content-Length"]


@pytest.mark.parametrize(
    "path",
    ["/feed.xml/", "/search/", "/archive/2026/1/", "/archive/2026/13/", "/archive/2026/00/", "/archive/26/11/", "/archive/2026/11/x", "/topics/none/",
     "/topics/river/?after=x", "/topics/river/?after=-1-1", "/topics/river/?after=1-1-1", "/columns/?after=9999999999999999999-1", "/nothing",
     "/articles/", "/columns/x", "/archive/1999/01/", "/archive/99999/01/"],
)  # fmt: skip
def test_what_is_not_there_is_404(visitor: Any, make_article: Any, path: str) -> None:
    make_article("the-weir")
    page = visitor.get(path)
    assert page.status == 404
    assert "There is nothing here" in page.text


def test_the_front_page_leads_with_the_newest(visitor: Any, make_article: Any) -> None:
    make_article("older", at=clock.now() - timedelta(days=2))
    make_article("newest")
    make_article("opinion", kind="column")
    make_article("pictures", kind="photos")
    page = visitor.get("/")
    titles = ["".join(node.itertext()) for node in page.tree.iter("h2")]
    assert titles[0] == "Newest"
    assert "Opinion" in page.text
    assert "Pictures" in page.text
    assert "River" in page.text
    assert SECRET not in page.html


def test_no_page_of_lists_shows_gated_words(visitor: Any, make_article: Any) -> None:
    for access in ("members", "metered"):
        for kind in ("article", "column", "photos"):
            make_article(f"{access}-{kind}", access=access, kind=kind)
    month = clock.now().strftime("/archive/%Y/%m/")
    for path in (*PAGES, "/topics/river/", "/search?q=weir", month):
        assert SECRET not in visitor.get(path).html, path


def test_months_are_the_publications_own(visitor: Any, make_article: Any) -> None:
    # 03:00 UTC on the 1st is still the month before in New York.
    make_article("late", at=datetime(2026, 3, 1, 3, tzinfo=UTC))
    assert "February 2026" in visitor.get("/archive/").text
    assert "Late" in visitor.get("/archive/2026/02/").text
    assert visitor.get("/archive/2026/03/").status == 404


def test_a_topic_is_walked_to_its_end_without_loss_or_repetition(visitor: Any, make_article: Any) -> None:
    at = clock.now() - timedelta(days=1)
    for number in range(45):  # many at the same instant: the id decides
        make_article(f"story-{number}", at=at - timedelta(hours=number // 10))
    seen: list[str] = []
    path = "/topics/river/"
    while path:
        page = visitor.get(path)
        seen += [link for link in page.links() if link.startswith("/articles/story-")]
        path = next((a.get("href") for a in page.tree.iter("a") if a.get("rel") == "next"), "")
    titles = list(dict.fromkeys(seen))
    assert len(titles) == 45
    assert titles == [f"/articles/story-{n}" for n in sorted(range(45), key=lambda n: (n // 10, -n))]


def test_a_topic_that_only_drafts_have_is_not_there(visitor: Any, make_article: Any) -> None:
    article = make_article("the-weir", topic="Mayor under investigation", at=clock.now() - timedelta(hours=2))
    assert visitor.get("/topics/mayor-under-investigation/").status == 200
    articles.unpublish(article.id)
    db.session.commit()
    for path in ("/topics/mayor-under-investigation/", f"/topics/mayor-under-investigation/?after={2**40}-1"):
        page = visitor.get(path)
        assert page.status == 404
        assert "Mayor" not in page.html


# ---- search ----


def test_search_finds_public_words_in_any_case(visitor: Any, make_article: Any) -> None:
    make_article("the-weir", title="Die Ärztin am Fluß", summary="Überall Wasser")
    for question in ("ärztin", "ÄRZTIN", "fluss", "wasser überall", "1871", "ada"):
        assert "Die Ärztin" in visitor.get("/search", query_string={"q": question}).text, question


@pytest.mark.parametrize("question", [SECRET, SECRET.lower(), f"weir {SECRET}", SECRET[:5]])
def test_search_never_finds_gated_words(visit: Any, member: Any, make_article: Any, question: str) -> None:
    make_article("the-weir")
    nothing = visit().get("/search", query_string={"q": question})
    assert "Nothing found" in nothing.text
    assert "The weir" not in nothing.text
    assert "Nothing found" in visit(member()).get("/search", query_string={"q": question}).text


@pytest.mark.parametrize(
    "question", ["%", "_" * 3, "\\", "' or 1=1 --", "a" * 10_000, "zz " * 5000, "\x00\x00", "“”", "*", '"', "NEAR(", "%%__"]
)
def test_odd_questions_are_answered(visitor: Any, make_article: Any, question: str) -> None:
    make_article("the-weir")
    page = visitor.get("/search", query_string={"q": question})
    assert page.status == 200
    assert "The weir" not in page.text


def test_a_question_comes_back_as_text(visitor: Any) -> None:
    page = visitor.get("/search", query_string={"q": '"><script>alert(1)</script>'})
    assert page.form("/search").fields["q"] == '"><script>alert(1)</script>'


# ---- what machines read ----


def test_the_feed_gives_previews_and_free_articles_whole(visitor: Any, make_article: Any) -> None:
    make_article("paid")
    make_article("metered", access="metered")
    make_article("free", access="free", body="Open.\n\nAnd FREELYGIVEN too.")
    page = visitor.get("/feed.xml")
    channel = ElementTree.fromstring(page.html.encode()).find("channel")  # noqa: S314 - our own
    assert channel is not None
    items = {item.findtext("link"): item.findtext("description") or "" for item in channel.iter("item")}
    assert set(items) == {f"http://localhost/articles/{slug}" for slug in ("paid", "metered", "free")}
    assert SECRET not in page.html
    assert "The weir was built in 1871." in items["http://localhost/articles/paid"]
    assert "FREELYGIVEN" in items["http://localhost/articles/free"]


@pytest.mark.parametrize("access", ["free", "members"])
def test_addresses_in_the_feed_are_whole(visitor: Any, make_article: Any, access: str) -> None:
    """A reader of feeds has no page in which "/media/x" could be found."""
    make_article(access=access, body="![A](/media/a.webp) [there](/topics/river/) note[^1]\n\n<!-- more -->\n\nRest.\n\n[^1]: x\n")
    item = ElementTree.fromstring(visitor.get("/feed.xml").html.encode()).find("channel/item")  # noqa: S314 - our own
    html = (item.findtext("description") if item is not None else "") or ""
    assert 'src="http://localhost/media/a.webp"' in html
    assert 'href="http://localhost/topics/river/"' in html
    for relative in ('src="/', 'href="/', 'href="#'):
        assert relative not in html


@pytest.mark.parametrize("char", ["\x02", "\x0b", "\x1b", "\ufffe", "&#12;"])
def test_no_character_of_a_text_takes_the_feed_down(visitor: Any, make_article: Any, char: str) -> None:
    """Saved before such characters were refused, or written as an entity: copying from PDF or InDesign leaves them."""
    make_article(
        "pasted", access="free", title=f"Pas{char}ted", author=f"A{char}da", topic=f"Ri{char}ver", summary=f"S{char}", body=f"One{char}.\n"
    )
    page = visitor.get("/feed.xml")
    assert page.status == 200
    assert ElementTree.fromstring(page.html.encode()).find("channel/item/title") is not None  # noqa: S314 - our own
    assert visitor.get("/sitemap.xml").status == 200


@pytest.mark.parametrize("path", ["/feed.xml", "/sitemap.xml", "/robots.txt"])
def test_who_has_it_already_gets_304(visitor: Any, make_article: Any, path: str) -> None:
    make_article("the-weir")
    first = visitor.get(path)
    again = visitor.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status, again.html) == (304, "")
    make_article("the-lock")
    if path != "/robots.txt":
        assert visitor.get(path, headers={"If-None-Match": first.headers["ETag"]}).status == 200


def test_the_sitemap_lists_what_is_public(visitor: Any, make_article: Any) -> None:
    make_article("the-weir")
    tree = ElementTree.fromstring(visitor.get("/sitemap.xml").html.encode())  # noqa: S314 - our own
    addresses = {node.text for node in tree.iter("{http://www.sitemaps.org/schemas/sitemap/0.9}loc")}
    assert {"http://localhost/", "http://localhost/articles/the-weir", "http://localhost/topics/river/"} <= addresses


def test_robots_may_read_articles_and_nothing_private(visitor: Any) -> None:
    text = visitor.get("/robots.txt").html
    assert "Disallow: /account/" in text
    assert "Disallow: /admin/" in text
    assert "Disallow: /articles" not in text
    assert "Sitemap: http://localhost/sitemap.xml" in text


# ---- every page ----


@pytest.mark.parametrize("path", ["/", "/articles/the-weir", "/archive/", "/search?q=weir", "/topics/river/", "/nothing"])
def test_pages_keep_the_policy_and_have_their_landmarks(visitor: Any, make_article: Any, path: str) -> None:
    make_article("the-weir")
    page = visitor.get(path)
    tags = [node.tag for node in page.tree.iter() if isinstance(node.tag, str)]
    assert tags.count("main") == 1
    assert tags.count("h1") == 1
    assert "style" not in tags
    assert not [node for node in page.tree.iter() if isinstance(node.tag, str) and "style" in node.attrib]
    assert page.tree.get("lang", "").startswith("en")
    assert page.links()[0] == "#main", "the skip link comes first"
    for control in page.tree.iter("input"):
        if control.get("type") != "hidden":
            assert [label for label in page.tree.iter("label") if label.get("for") == control.get("id")], control.attrib
