"""The article page: the whole text, or the preview and what we ask."""

from typing import Any

from flask import Blueprint, Response, abort, render_template, request

from kit import clock
from membership import memberships, paywall, readers
from membership.domain.paywall import Access
from membership.guards import public
from publishing import appeals, articles, listings, metadata
from publishing.views.caching import for_everybody

bp = Blueprint("articles", __name__)


@bp.get("/articles/<slug>")
@public
def show(slug: str) -> Response:
    """One article, by the reader's standing. The gate decides; body_for loads what it decided."""
    article = listings.by_slug(slug, clock.now())
    if article is None:
        abort(404)
    # Without a cookie she is a visitor: her session stays untouched and her page may be kept by shared caches.
    reader = readers.reader() if request.cookies else None
    access = paywall.open_article(article.access, article.id, reader)
    about = metadata.of_article(article)
    page = render_template(
        "articles/show.html",
        article=article,
        access=access,
        body=articles.body_for(article, access),
        about=about,
        below=appeals.box(what_follows(access, reader), article, about, access),
    )
    return for_everybody(page)  # a metered page sends or got a cookie, which makes it private (kit/headers.py)


def what_follows(access: Access, reader: Any) -> str:
    """What stands below the text: the gate, the appeal, or (for those who support us or closed it) less."""
    if not access.in_full:
        return "gate"
    if access.reason in ("member", "staff") or stands_well(reader):
        return "end"
    return "closed" if appeals.is_closed() else "appeal"


def stands_well(reader: Any) -> bool:
    """Does she support us already, as a member in good standing or as staff? Such readers are asked nothing."""
    if reader is None:
        return False
    return reader.is_staff or memberships.is_entitled(paywall.membership_of(reader.id), clock.now())
