"""Search in the archive's public part: titles, summaries, authors, topics and previews; never in gated text (safety P05)."""

from flask import Blueprint, Response, render_template, request

from kit import clock
from membership.guards import public
from publishing import listings
from publishing.domain import search
from publishing.views.caching import for_everybody

bp = Blueprint("search", __name__)

MOST_FOUND = 50


@bp.get("/search")
@public
def index() -> Response:
    """The form, and what was found for ``?q=``. The answer is the same for members and visitors."""
    question = " ".join(request.args.get("q", "").split())[: search.MOST_CHARACTERS]
    words = search.words(question)
    found = listings.found_by(words, clock.now(), MOST_FOUND + 1) if words else []
    page = render_template("search/index.html", question=question, words=words, cards=found[:MOST_FOUND], more=len(found) > MOST_FOUND)
    return for_everybody(page)
