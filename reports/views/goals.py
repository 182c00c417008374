"""Setting a month's goal."""

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from kit import clock
from kit.database import db
from kit.formats import zone
from membership.guards import staff
from reports import goals
from reports.domain.months import Month
from reports.forms import GoalForm
from reports.views.blueprint import bp
from reports.views.overview import page


@bp.post("/goals")
@staff("editor", "finance")
def set_goal() -> ResponseReturnValue:
    """Set, change or take away the goal of one month and currency."""
    form = GoalForm()
    if not form.validate():
        return page(None, form), 422
    month = Month.parse(form.month.data)
    goals.put(month, form.currency.data, form.minor, by=current_user.id, at=clock.now())
    flash(_("The goal of %(month)s is set.", month=month) if form.minor else _("%(month)s has no goal now.", month=month), "success")
    looked_at = str(month) if month <= Month.of(clock.now(), zone()) else None
    answer = redirect(url_for("reports.index", month=looked_at), code=303)
    db.session.commit()
    return answer
