"""The reader's own page: who she is, where she stands, what there is to do; her name; her devices."""

from typing import Any

from flask import Blueprint, flash, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.exceptions import NotFound

from kit import clock
from kit.database import db
from membership import memberships, panels, sessions, wording
from membership.domain import devices as device_names
from membership.forms import NameForm
from membership.guards import signed_in
from membership.views.pages import form_page, go

bp = Blueprint("account", __name__, url_prefix="/account")


@bp.get("/")
@signed_in
def show() -> str:
    """Who, standing, what to do."""
    mine = sessions.reader().id
    words = wording.of(memberships.standing_of(mine), clock.now(), panels.bills(mine))
    return render_template("account/show.html", words=words, panels=panels.shown_to(sessions.reader()))


@bp.route("/name", methods=["GET", "POST"])
@signed_in
def name() -> Any:
    """Change what we call her."""
    form = NameForm(obj=sessions.reader())
    if not form.validate_on_submit():
        return form_page("account/name.html", form)
    sessions.reader().name = (form.name.data or "").strip()
    db.session.commit()
    flash(_("Your name is changed."), "success")
    return go(url_for("account.show"))


@bp.get("/sessions")
@signed_in
def devices() -> str:
    """Where she is signed in."""
    rows = [(row, *device_names.parts(row.device)) for row in sessions.of(sessions.reader().id)]
    return render_template("account/sessions.html", rows=rows, here=sessions.here())


@bp.post("/sessions")
@signed_in
def end_device() -> Any:
    """Sign one device out, or all of them but this."""
    which = request.form.get("session", "")
    if which == "others":
        sessions.end_all(sessions.reader().id, but=sessions.here())
        flash(_("Every other device is signed out."), "success")
    elif sessions.end(which, sessions.reader().id):
        flash(_("That device is signed out."), "success")
    else:
        raise NotFound
    db.session.commit()
    return go(url_for("account.devices"))
