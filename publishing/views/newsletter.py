"""The newsletter's sign-up: ask, look into the mailbox, confirm. The answer is the same for every address."""

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from wtforms import EmailField, Form, HiddenField, StringField

from kit import clock
from kit.csrf import without_token
from kit.database import db
from kit.limits import client_network, limiter
from membership.domain import emails
from membership.guards import public
from publishing.models.newsletter import NewsletterIssue
from publishing.newsletter import subscriptions, tokens
from publishing.newsletter.subscriptions import Asker
from publishing.views.caching import for_everybody

bp = Blueprint("newsletter", __name__)

DOORS = ("page", "article", "front")


class SignUp(Form):
    """An address, a field that people do not see, and the proof of when the form was shown."""

    email = EmailField(_l("E-mail address"))
    homepage = StringField(_l("Leave this empty"))
    key = HiddenField()


def everybody() -> str:
    """All sign-ups share one limit: a list bomber with many networks meets it (safety N05)."""
    return "newsletter"


@bp.app_template_global("newsletter_form_key")
def form_key() -> str:
    """For the small form on other pages; holds the time and nothing of the reader."""
    return tokens.form_key(clock.now())


@bp.get("/newsletter/")
@public
def index() -> Response:
    """What the letter is, and the form."""
    return for_everybody(_page(SignUp(key=form_key())))


@bp.post("/newsletter/")
@limiter.limit("20/hour;60/day")
@limiter.limit("600/hour", key_func=everybody)
@public
@without_token  # it acts with nobody's authority; a token would make every page with the small form private
def subscribe() -> Response:
    """Ask for the letter. Known, unknown, caught in the trap: the same answer."""
    form = SignUp(request.form)
    if form.homepage.data:
        return redirect(url_for("newsletter.asked"), code=303)  # ty: ignore[invalid-explicit-return]
    fault = tokens.form_fault(form.key.data or "", clock.now())
    try:
        emails.parse(form.email.data or "")  # what is wrong with the address comes first: the next press is not to find more
        if fault is None:
            door = request.form.get("from", "page")
            subscriptions.ask(form.email.data or "", Asker(door if door in DOORS else "page", client_network()))
    except emails.NotAnAddress:
        fault = "address"
    if fault is not None:
        return _refused(form, fault)
    db.session.commit()
    return redirect(url_for("newsletter.asked"), code=303)  # ty: ignore[invalid-explicit-return]


@bp.get("/newsletter/check-mail")
@public
def asked() -> Response:
    """Look into your mailbox."""
    return for_everybody(render_template("newsletter/asked.html"))


@bp.get("/newsletter/confirm/<token>")
@public
def confirm(token: str) -> Response:
    """A page with a button: a scanner that follows links confirms nothing."""
    if subscriptions.awaiting(token) is None:
        return unlisted(render_template("newsletter/dead_link.html"), 410)
    return unlisted(render_template("newsletter/confirm.html", token=token))


@bp.post("/newsletter/confirm/<token>")
@limiter.limit("30/hour")
@public
def confirmed(token: str) -> Response:
    """She pressed it."""
    subscription = subscriptions.confirm(token, Asker("letter", client_network()))
    if subscription is None:
        return unlisted(render_template("newsletter/dead_link.html"), 410)
    target = url_for("newsletter.preferences", token=tokens.of_handle(subscription.handle), welcome=1)
    db.session.commit()
    return redirect(target, code=303)  # ty: ignore[invalid-explicit-return]


def unlisted(page: str, status: int = 200) -> Response:
    """A page whose address is a key: kept nowhere, indexed nowhere, told to no other site."""
    answer = make_response(page, status)
    answer.headers["Cache-Control"] = "private, no-store"
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.headers["X-Robots-Tag"] = "noindex"
    return answer


def _page(form: SignUp) -> str:
    newest = db.session.scalar(
        select(NewsletterIssue.day).where(NewsletterIssue.state != "draft").order_by(NewsletterIssue.day.desc()).limit(1)
    )
    return render_template("newsletter/index.html", form=form, newest=newest)


def _refused(form: SignUp, fault: str) -> Response:
    """422 with what is wrong at the field, and what was typed."""
    said = {
        "address": _("This does not look like an e-mail address. Please check it."),
        "quick": _("That was very quick. Please press the button once more."),
        "old": _("This page was open for a long time. Please press the button once more."),
        "missing": _("Please press the button once more."),
    }
    form.email.errors = (said[fault],)  # ty: ignore[invalid-assignment]
    if fault != "quick":
        form.key.data = form_key()  # the too quick keep theirs: by the next try it is old enough
    return unlisted(_page(form), 422)
