"""How long access is kept after a failed renewal: editors set it, and see who set it before."""

from typing import Any

from flask import Blueprint, Response, flash, render_template, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import IntegerField
from wtforms.validators import InputRequired, NumberRange

from kit.database import db
from membership import grace, sessions
from membership.domain.grace import LONGEST
from membership.guards import staff
from membership.views.pages import go

bp = Blueprint("staff_grace", __name__, url_prefix="/admin/grace")


class GraceForm(FlaskForm):
    """One number."""

    days = IntegerField(
        _l("Days of grace"),
        [InputRequired(_l("Type a whole number of days.")), NumberRange(0, LONGEST, _l("Between 0 and 60 days."))],
    )


@bp.get("/")
@staff("editor")
def index() -> Response:
    """What counts, and what counted."""
    return _page(GraceForm(formdata=None, days=grace.in_force().current.days))


@bp.post("/")
@staff("editor")
def change() -> Any:
    """Set it; memberships follow by a job."""
    form = GraceForm()
    if not form.validate_on_submit():
        return _page(form)
    made = grace.change(form.days.data or 0, sessions.reader().email)
    db.session.commit()
    flash(_("Saved. Every membership follows within minutes.") if made else _("That is what counts already."), "success")
    return go(url_for("staff_grace.index"))


def _page(form: GraceForm) -> Response:
    page = render_template("staff/grace.html", form=form, history=grace.history(), current=grace.in_force())
    return Response(page, 422 if form.errors else 200)
