"""The archive of issues, as everybody may read it."""

from datetime import date

from flask import Response, abort, render_template
from sqlalchemy import select

from kit.database import db
from membership.guards import public
from publishing.models.newsletter import NewsletterIssue
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
    """One issue: its words and order as they were sent, its stories as the gate opens them to anybody now."""
    try:
        when = date.fromisoformat(day)
    except ValueError:
        abort(404)
    found = issues.of_day(when)
    if found is None or found.state == "draft" or day != when.isoformat():
        abort(404)
    return for_everybody(render_template("newsletter/issue.html", content=editions.in_archive(found), day=when))
