"""The newsroom's page of the newsletter: today's issue, both editions, the switch, and what was sent."""

from datetime import date

from flask import Blueprint, Response, abort, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from flask_login import current_user
from flask_wtf import FlaskForm
from sqlalchemy import select
from wtforms import StringField, TextAreaField

from kit.database import db
from membership.guards import staff
from publishing.domain.issues import EDITIONS
from publishing.domain.problems import Problem, Refused, mark
from publishing.models.newsletter import NewsletterIssue
from publishing.newsletter import editions, issues, subscriptions

bp = Blueprint("staff_newsletter", __name__, url_prefix="/admin/newsletter")

LATEST = 30
# The letter styles itself and does nothing else.
LETTER_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; sandbox"


class IssueForm(FlaskForm):
    """An editor's words; the articles' order and presence come as numbered fields beside them."""

    subject = StringField(_l("Subject"))
    intro = TextAreaField(_l("Introduction"), description=_l("A few plain sentences above the stories; may stay empty."))


@bp.get("/")
@staff("editor")
def index() -> str:
    """Today's issue, or the draft that ``?day=`` names; below it the last thirty."""
    issue = issues.of_day(_day(request.args.get("day", issues.today().isoformat())))
    return _page(issue, IssueForm(obj=issue))


@bp.post("/prepare")
@staff("editor")
def prepare() -> Response:
    """Make today's issue, or add to it what came out since."""
    done = issues.prepare(issues.today())
    said = {
        "new": _("Today's issue is made: look it over."),
        "updated": _("What came out since stands at its end now."),
        "unchanged": _("Nothing came out since it was made."),
        "empty": _("Nothing was published since the last issue, so there is none today."),
        "started": _("Today's issue is on its way already."),
    }
    flash(said[done.outcome], "success")
    db.session.commit()
    return _back()


@bp.post("/<day>")
@staff("editor")
def edit(day: str) -> Response:
    """Keep the editor's words, and the articles she kept in the order she gave."""
    form, issue = IssueForm(), issues.of_day(_day(day), lock=True) or abort(404)
    try:
        issues.edit(issue, subject=form.subject.data or "", intro=form.intro.data or "", article_ids=_order(issue.article_ids))
    except Refused as refusal:
        return _refused(form, refusal, issue)
    flash(_("Saved."), "success")
    db.session.commit()
    return _back(day)


@bp.get("/<day>/<any(free, members):edition>")
@staff("editor")
def letter(day: str, edition: str) -> Response:
    """An edition as it will arrive, or as it arrived."""
    found = editions.shown(issues.of_day(_day(day)) or abort(404), edition)
    if request.args.get("as") == "text":
        answer = make_response(found.text)
        answer.content_type = "text/plain; charset=utf-8"
        return answer
    answer = make_response(found.html)
    answer.headers["Content-Security-Policy"] = LETTER_POLICY
    return answer


@bp.post("/<day>/send")
@staff("editor")
def send(day: str) -> Response:
    """Freeze it and start it, once she said that she has read it."""
    issue = issues.of_day(_day(day), lock=True) or abort(404)
    try:
        if request.form.get("read") != "yes":
            raise Refused({"read": Problem(mark("Tick that you have read both editions: a letter cannot be taken back."))})
        _issue, recipients = issues.start(_day(day))
    except Refused as refusal:
        return _refused(IssueForm(None, obj=issue), refusal, issue)
    flash(ngettext("The issue goes out to %(num)s reader.", "The issue goes out to %(num)s readers.", recipients), "success")
    db.session.commit()
    return _back(day)


@bp.post("/<day>/stop")
@staff("editor")
def stop(day: str) -> Response:
    """Keep back the letters that have not left."""
    stayed = issues.stop(issues.of_day(_day(day), lock=True) or abort(404))
    flash(ngettext("%(num)s letter did not leave.", "%(num)s letters did not leave.", stayed), "success")
    db.session.commit()
    return _back(day)


@bp.post("/auto-send")
@staff("editor")
def auto_send() -> Response:
    """Throw the switch."""
    on = request.form.get("on") == "yes"
    issues.switch(on, current_user.email)
    flash(
        _("The issue goes out by itself at six from now on.") if on else _("The issue waits for somebody to send it from now on."),
        "success",
    )
    db.session.commit()
    return _back()


def _day(typed: str) -> date:
    try:
        return date.fromisoformat(typed)
    except ValueError:
        abort(404)


def _order(known: list[int]) -> list[int]:
    """The ticked articles by the numbers that stand beside them; equal or missing numbers keep the order of before."""
    kept = [number for number in known if request.form.get(f"keep-{number}") == "yes"]
    return sorted(kept, key=lambda number: request.form.get(f"place-{number}", default=len(known), type=int))


def _back(day: str | None = None) -> Response:
    return redirect(url_for("staff_newsletter.index", day=day), code=303)  # ty: ignore[invalid-explicit-return]


def _refused(form: IssueForm, refusal: Refused, issue: NewsletterIssue) -> Response:
    for name, problem in refusal.problems.items():
        text = _(problem.text, **dict(problem.values))
        if name in form:
            form[name].errors = [*form[name].errors, text]
        else:
            form.form_errors.append(text)
    answer = make_response(_page(issue, form), 422)
    db.session.rollback()
    return answer


def _page(issue: NewsletterIssue | None, form: IssueForm) -> str:
    latest = list(db.session.scalars(select(NewsletterIssue).order_by(NewsletterIssue.day.desc()).limit(LATEST)))
    return render_template(
        "staff/newsletter/index.html",
        issue=issue,
        form=form,
        today=issues.today(),
        stories=editions.stories_of(issue) if issue else [],
        readers=issues.readers(),
        latest=[(row, issues.progress(row.id)) for row in latest],
        counts=subscriptions.counts(),
        auto_send=issues.goes_by_itself(),
        editions=EDITIONS,
    )
