"""What machines read: the feed, the sitemap, robots.txt. Public parts only; free articles stand in the feed whole."""

from typing import Any

from feedgenerator import Rss201rev2Feed
from flask import Blueprint, make_response, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug import Response

from kit import clock
from kit.settings import settings
from kit.urls import public_url
from membership import paywall
from membership.domain.paywall import Access
from membership.guards import public
from publishing import articles, listings, metadata
from publishing.domain.articles import printable
from publishing.domain.elsewhere import with_whole_addresses

bp = Blueprint("feeds", __name__)

IN_FEED = 30
IN_SITEMAP = 50_000  # the protocol's own limit for one file
KEPT_SECONDS = 300


@bp.get("/feed.xml")
@public
def feed() -> Response:
    """RSS of the newest articles: summary and preview, and the whole text of those that are free."""
    cards = listings.with_previews(clock.now(), IN_FEED)
    site = settings()["SITE_NAME"]
    writer = Rss201rev2Feed(
        title=site,
        link=public_url("front.index"),
        feed_url=public_url("feeds.feed"),
        description=settings().get("SITE_TAGLINE") or _("The latest from %(site)s", site=site),
        language=settings()["LOCALE"].replace("_", "-"),
    )
    for card in cards:
        address = public_url("articles.show", slug=card.slug)
        writer.add_item(
            title=printable(card.title),
            link=address,
            description=printable(with_whole_addresses(_entry(card, address), address)),  # also "&#12;" in a text becomes such a character
            author_name=printable(card.author),
            pubdate=card.published_at,
            updateddate=card.updated_at,
            unique_id=address,
            categories=[printable(card.topic_name)] if card.topic_name else [],
        )
    # The writer stamps the newest item's date, so the same articles give the same bytes and the same ETag.
    return _conditional(writer.writeString("utf-8"), "application/rss+xml")


def _entry(card: Any, address: str) -> str:
    """Sanitised HTML. Nobody in particular reads a feed, so the gate is asked as for a stranger."""
    if card.access == "free":
        return articles.body_for(card, paywall.open_article(card.access, card.id, None))
    preview = articles.body_for(card, Access("preview", "members-only"))
    return render_template("articles/feed_entry.html", article=card, preview=preview, address=address)


@bp.get("/sitemap.xml")
@public
def sitemap() -> Response:
    """Front page, sections, topics and every article, for search engines."""
    now = clock.now()
    page = render_template(
        "articles/sitemap.xml",
        sections=[public_url(name) for name in ("front.index", "columns.index", "photos.index", "archive.index")],
        topics=[public_url("topics.show", slug=topic.slug) for topic in listings.topics(now)],
        articles=[(metadata.absolute(url_for("articles.show", slug=card.slug)), card) for card in listings.cards(now, IN_SITEMAP - 100)],
    )
    return _conditional(page, "application/xml")


@bp.get("/robots.txt")
@public
def robots() -> Response:
    """Everything public may be read; accounts, checkout and the newsroom are nobody's business."""
    shut = (
        "/account/",
        "/admin/",
        "/reports/",
        "/subscribe/",
        "/contribute/",
        "/newsletter/confirm/",
        "/newsletter/unsubscribe/",
        "/search",
    )
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in shut), "", f"Sitemap: {public_url('feeds.sitemap')}", ""]
    return _conditional("\n".join(lines), "text/plain")


def _conditional(text: str, kind: str) -> Response:
    """An answer with an ETag: who has it already gets 304 and no body."""
    answer = make_response(text)
    answer.headers["Content-Type"] = f"{kind}; charset=utf-8"
    answer.headers["Cache-Control"] = f"public, max-age={KEPT_SECONDS}"
    answer.add_etag()
    return answer.make_conditional(request)
