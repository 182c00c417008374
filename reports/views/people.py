"""The people behind a number."""

from flask import abort, render_template, request
from flask.typing import ResponseReturnValue

from kit import clock
from kit.formats import zone
from membership.guards import staff
from reports import people, words
from reports.domain.months import Month
from reports.views.blueprint import asked_month, bp


@bp.get("/people")
@staff("editor", "finance")
def behind() -> ResponseReturnValue:
    """The list that a figure links to: as many lines as the figure is high."""
    kind, here, now = request.args.get("kind", ""), zone(), clock.now()
    if kind not in people.KINDS:
        abort(404)
    month = asked_month() or Month.of(now, here)
    found = people.behind(kind, month, here, now)
    return render_template(
        "reports/people.html",
        people=found,
        kind=kind,
        month=month,
        start=month.start(here),
        of_now=kind in people.OF_NOW,
        name=words.name(kind),
        how=words.FIGURES.get(kind, ("", ""))[1],
        cause=words.cause,
    )
