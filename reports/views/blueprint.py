"""The blueprint that the room's doors share, and what they read from an address."""

from babel import numbers
from flask import Blueprint, abort, request
from flask_babel import get_locale

from kit import clock
from kit.formats import zone
from reports import dwindling
from reports.domain.months import Month

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


def asked_report() -> dwindling.Report:
    """The report over `from` and `to` (both `YYYY-MM`), the last 24 months without them."""
    here, now = zone(), clock.now()
    first, last = dwindling.default_range(here, now)
    first, last = asked_month("from") or first, asked_month("to") or last
    if first > last or first.plus(MOST_MONTHS) < last:
        abort(404)
    return dwindling.read(first, last, here, now)
