"""The article page: the whole text, or the preview and what we ask."""

from flask import Blueprint, Response, abort, render_template, request
from flask_login import current_user

from kit import clock
from membership import memberships, paywall
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
    reader = current_user if request.cookies else None
    access = paywall.open_article(article.access, article.id, reader)
    supports_us = access.reason in ("member", "staff") or stands_well(reader)
    page = render_template(
        "articles/show.html",
        article=article,
        access=access,
        body=articles.body_for(article, access),
        about=metadata.of_article(article),
        asks=not supports_us,
        appeal=not supports_us and access.in_full and not appeals.is_closed(),
    )
    # A metered page counts its reader, so it is never the same for two.
    return for_everybody(page) if article.access != "metered" else _hers_alone(page)


def stands_well(reader: object) -> bool:
    """Does she support us already, as a member in good standing or as staff? Such readers are asked nothing."""
    if reader is None or not current_user.is_authenticated:
        return False
    return current_user.is_staff or memberships.is_entitled(paywall.membership_of(current_user.id), clock.now())


def _hers_alone(page: str) -> Response:
    answer = Response(page)
    answer.headers["Cache-Control"] = "private, no-store"
    answer.vary.add("Cookie")
    return answer
