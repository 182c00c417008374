"""The blueprint that the room's doors share, and what they read from an address."""

from datetime import timedelta

from babel import numbers
from flask import Blueprint, abort, current_app, request
from flask_babel import get_locale

from kit import clock
from kit.formats import zone
from reports import dwindling
from reports.domain.months import Month
from reports.dwindling import Report

bp = Blueprint("reports", __name__, url_prefix="/reports")

# Ten years and a bit: a table of months, not a way to keep the server busy.
MOST_MONTHS = 125


@bp.app_template_filter("percent")
def percent_text(fraction: float) -> str:
    """0.0213 is "2.1%", as the locale writes it."""
    return numbers.format_percent(round(fraction, 3), locale=str(get_locale() or "en_US"), decimal_quantization=False)


@bp.app_template_filter("tenths")
def tenths_text(number: float) -> str:
    """A mean with one decimal and a real minus."""
    return numbers.format_decimal(round(number, 1), locale=str(get_locale() or "en_US")).replace("-", "−")


def asked_month(name: str = "month") -> Month | None:
    """The month in the query, None without one; 404 for one that is none or has not begun."""
    text = request.args.get(name, "")
    if not text:
        return None
    try:
        month = Month.parse(text)
    except ValueError:
        abort(404)
    return month if month <= Month.of(clock.now(), zone()) else abort(404)


# The page is followed at once by its two charts, which show the very report that the page read.
KEPT = timedelta(seconds=30)


def keep(report: Report) -> None:
    """Remember the report that a page shows, for its charts."""
    current_app.extensions["reports"] = report


def kept_report() -> Report:
    """The report that the page just showed if it is the one asked for and fresh, else read anew."""
    report: Report | None = current_app.extensions.get("reports")
    if report and clock.now() - report.now < KEPT:
        span = {"from": str(report.lines[0].month), "to": str(report.lines[-1].month)}
        if report.zone == zone() and span == {name: request.args.get(name) for name in span}:
            return report
    return asked_report()


def asked_report() -> Report:
    """The report over `from` and `to` (both `YYYY-MM`), the last 24 months without them."""
    here, now = zone(), clock.now()
    first, last = dwindling.default_range(here, now)
    first, last = asked_month("from") or first, asked_month("to") or last
    if first > last or first.plus(MOST_MONTHS) < last:
        abort(404)
    return dwindling.read(first, last, here, now)
