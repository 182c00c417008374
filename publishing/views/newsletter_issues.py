"""The archive of issues: the free edition, as everybody may read it."""

from datetime import date

from flask import Response, abort, render_template
from sqlalchemy import select

from kit.database import db
from membership.guards import public
from publishing.models.newsletter import NewsletterEdition, NewsletterIssue
from publishing.newsletter import editions, issues
from publishing.views.caching import for_everybody
from publishing.views.newsletter import bp

MOST = 366


@bp.get("/newsletter/issues/")
@public
def archive() -> Response:
    """A year of issues, newest first."""
    out = NewsletterIssue.state != "draft"
    found = db.session.execute(
        select(NewsletterIssue.day, NewsletterIssue.subject).where(out).order_by(NewsletterIssue.day.desc()).limit(MOST)
    )
    return for_everybody(render_template("newsletter/issues.html", issues=list(found)))


@bp.get("/newsletter/issues/<day>")
@public
def issue(day: str) -> Response:
    """One issue, less what was taken back since. The members' edition is never loaded here."""
    try:
        when = date.fromisoformat(day)
    except ValueError:
        abort(404)
    free = (NewsletterEdition.issue_id == NewsletterIssue.id) & (NewsletterEdition.edition == "free")
    content = db.session.scalar(select(NewsletterEdition.content).join(NewsletterIssue, free).where(NewsletterIssue.day == when))
    if content is None or day != when.isoformat():
        abort(404)
    still = issues.public_ones([story["id"] for story in content["stories"]])
    content = {**content, "stories": [story for story in content["stories"] if story["id"] in still]}
    return for_everybody(render_template("newsletter/issue.html", content=editions.for_templates(content), day=when))
