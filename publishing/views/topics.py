"""A topic: all that came out about it."""

from flask import Blueprint, Response, abort, render_template, url_for

from kit import clock
from membership.guards import public
from publishing import listings
from publishing.models.articles import Article
from publishing.views import paging
from publishing.views.caching import for_everybody

bp = Blueprint("topics", __name__)


@bp.get("/topics/<slug>/")
@public
def show(slug: str) -> Response:
    """One topic, newest first, a page at a time. A topic of drafts alone is nobody's yet, its name neither."""
    topic = listings.topic(slug)
    if topic is None:
        abort(404)
    after = paging.place()
    cards, following = listings.page(clock.now(), paging.PAGE_SIZE, after, Article.topic_id == topic.id)
    if not cards:
        abort(404)
    page = render_template(
        "topics/show.html",
        topic=topic,
        cards=cards,
        newest=url_for("topics.show", slug=slug) if after else None,
        older=paging.older("topics.show", following, slug=slug),
    )
    return for_everybody(page)
