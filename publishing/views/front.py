"""The front page: a lead story, the latest, columns, photo stories, and a few of each topic."""

from flask import Blueprint, Response, render_template
from markupsafe import Markup

from kit import clock, formats
from membership.guards import public
from publishing import listings
from publishing.frame import kept
from publishing.models.articles import Article
from publishing.views.caching import for_everybody

bp = Blueprint("front", __name__)

STORIES = 7  # the lead and six more
COLUMNS = 4
PHOTOS = 3
OF_EACH_TOPIC = 6  # looked up; three are shown that do not stand above already


@bp.get("/")
@public
def index() -> Response:
    """The front page, for everybody the same but for the masthead."""
    return for_everybody(render_template("front/index.html", main=kept(("front", formats.language()), _main)))


def _main() -> Markup:
    """All below the masthead, rendered once a minute in each process and anew when something is published."""
    now = clock.now()
    stories = listings.cards(now, STORIES, Article.kind == "article")
    shown = {story.id for story in stories}
    by_topic = {
        slug: [card for card in cards if card.id not in shown and card.kind == "article"][:3]
        for slug, cards in listings.latest_of_topics(now, OF_EACH_TOPIC).items()
    }
    page = render_template(
        "front/main.html",
        lead=stories[0] if stories else None,
        stories=stories[1:],
        columns=listings.cards(now, COLUMNS, Article.kind == "column"),
        photos=listings.cards(now, PHOTOS, Article.kind == "photos"),
        topics=[(cards[0].topic_name, slug, cards) for slug, cards in sorted(by_topic.items()) if cards],
    )
    return Markup(page)  # noqa: S704 - our own template
