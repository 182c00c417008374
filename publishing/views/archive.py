"""The archive: every month of the publication's calendar."""

from collections import Counter
from datetime import date

from flask import Blueprint, Response, abort, render_template

from kit import clock
from kit.formats import local, zone
from membership.guards import public
from publishing import listings
from publishing.domain.articles import FIRST_YEAR, LAST_YEAR, month_bounds
from publishing.frame import kept
from publishing.models.articles import Article
from publishing.views.caching import for_everybody

bp = Blueprint("archive", __name__)

MOST_A_MONTH = 1000


@bp.get("/archive/")
@public
def index() -> Response:
    """All months that have something, by year, with how much."""
    years: dict[int, list[tuple[date, int]]] = {}
    for (year, month), count in sorted(kept(("archive",), _months).items(), reverse=True):
        years.setdefault(year, []).append((date(year, month, 1), count))
    return for_everybody(render_template("archive/index.html", years=years))


@bp.get("/archive/<int:year>/<int(fixed_digits=2):month>/")
@public
def month(year: int, month: int) -> Response:
    """One month, newest first; 404 for a month in which nothing came out."""
    if not (1 <= month <= 12 and FIRST_YEAR <= year <= LAST_YEAR):
        abort(404)
    first, last = month_bounds(year, month, zone())
    within = (Article.published_at >= first) & (Article.published_at < last)
    cards = listings.cards(clock.now(), MOST_A_MONTH, within)
    if not cards:
        abort(404)
    days: dict[str, list[listings.Card]] = {}
    for card in cards:
        days.setdefault(local(card.published_at).date().isoformat(), []).append(card)
    return for_everybody(render_template("archive/month.html", first=local(first), days=days, count=len(cards)))


def _months() -> Counter[tuple[int, int]]:
    """How many articles each (year, month) has, in the publication's zone: no database knows all its rules."""
    where = zone()
    dates = (instant.astimezone(where) for instant in listings.publication_dates(clock.now()))
    return Counter((day.year, day.month) for day in dates)
