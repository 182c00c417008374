"""Columns: one voice, week by week."""

from flask import Blueprint, Response, render_template, url_for

from kit import clock
from membership.guards import public
from publishing import listings
from publishing.models.articles import Article
from publishing.views import paging
from publishing.views.caching import for_everybody

bp = Blueprint("columns", __name__)


@bp.get("/columns/")
@public
def index() -> Response:
    """All of them, newest first, a page at a time."""
    after = paging.place()
    cards, following = listings.page(clock.now(), paging.PAGE_SIZE, after, Article.kind == "column")
    page = render_template(
        "columns/index.html",
        cards=cards,
        newest=url_for("columns.index") if after else None,
        older=paging.older("columns.index", following),
    )
    return for_everybody(page)
