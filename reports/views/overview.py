"""The report's first page."""

from datetime import datetime

from flask import render_template
from flask.typing import ResponseReturnValue

from kit import clock
from kit.formats import major, zone
from kit.settings import settings
from membership.guards import staff
from reports import beside, charts, closes, dwindling, sentences, tables, watch, words
from reports.domain.bridge import KIND_OF, STEPS
from reports.domain.months import Month
from reports.forms import GoalForm
from reports.views.blueprint import asked_month, bp, keep


@bp.get("/")
@staff("editor", "finance")
def index() -> ResponseReturnValue:
    """The month asked for (else the running one), what to watch, and 24 months."""
    return page(asked_month())


def page(month: Month | None, form: GoalForm | None = None) -> str:
    """The page about a month; `form` is the goal as it was typed when it came back refused."""
    here, now = zone(), clock.now()
    report = _report(month, now)
    keep(report)
    line = next(line for line in report.lines if line.month == (month or report.lines[-1].month))
    currencies = sorted({settings()["CURRENCY"], *report.currencies}, key=lambda code: (code != settings()["CURRENCY"], code))
    if form is None:
        goal = line.goals.get(currencies[0])
        form = GoalForm(formdata=None, month=str(line.month), currency=currencies[0], amount=_plain(goal, currencies[0]))
    ending = watch.under_notice(now)
    return render_template(
        "reports/index.html",
        report=report,
        line=line,
        form=form,
        currencies=currencies,
        past_due=watch.group(watch.past_due(now)),
        under_notice=watch.group(ending),
        committed=watch.committed(now),
        beside=beside.counts(line.end),
        giving=beside.giving(line.end),
        falls=watch.by_month(ending, here, now),
        sentences=sentences.summary(line),
        charts={name: sentences.of_chart(name, report) for name in charts.CHARTS},
        chart_size=(charts.WIDTH, charts.HEIGHT),
        closed=closes.closed_months(report.lines[0].month, report.lines[-1].month),
        newer=line.month.plus(1) if line.month < Month.of(now, here) else None,
        figures=words.FIGURES,
        cause=words.cause,
        steps=STEPS,
        kind_of=KIND_OF,
        tables=tables.NAMES,
    )


def _report(month: Month | None, now: datetime) -> dwindling.Report:
    here = zone()
    first, last = dwindling.default_range(here, now)
    if month is not None and month < first:
        first, last = month.plus(-23), month
    return dwindling.read(first, last, here, now)


def _plain(minor: int | None, currency: str) -> str:
    return "" if minor is None else str(major(minor, currency))
