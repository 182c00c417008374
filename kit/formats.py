"""Money, dates and counts as people read them, by the publication's locale and zone."""

from copy import copy
from datetime import date, datetime
from functools import cache
from zoneinfo import ZoneInfo

from babel import Locale, dates, numbers
from babel.numbers import NumberPattern
from flask import Flask
from flask_babel import get_locale

from kit.currencies import exponent, major, step
from kit.settings import settings


def money(amount: int, currency: str, *, locale: str | None = None) -> str:
    """``money(2500, "usd")`` is "$25.00"; whole amounts keep their decimals so that columns line up.

    Always with the decimals that Stripe charges in: CLDR shows none for some currencies that have them there (ALL,
    RSD), and what is shown must be what is charged.
    """
    locale = locale or str(get_locale() or "en_US")
    decimals = 0 if step(currency) == 100 else exponent(currency)
    pattern = _pattern(locale, decimals)
    return pattern.apply(major(amount, currency), locale, currency=currency.upper(), currency_digits=False)


@cache
def _pattern(locale: str, decimals: int) -> NumberPattern:
    """The locale's way to write an amount, with exactly so many decimals."""
    pattern = copy(Locale.parse(locale).currency_formats["standard"])
    pattern.frac_prec = (decimals, decimals)
    return pattern


def language() -> str:
    """The language of this answer, as a locale's name: the publication's own, until there is a second catalogue."""
    return settings()["LOCALE"]


def zone() -> ZoneInfo:
    """The publication's own zone."""
    return ZoneInfo(settings()["TIMEZONE"])


def local(instant: datetime) -> datetime:
    """An instant in the publication's zone."""
    return instant.astimezone(zone())


def date_text(instant: datetime | date, style: str = "long") -> str:
    """ "3 May 2026" or "May 3, 2026", as the locale has it, on the publication's calendar."""
    day = local(instant).date() if isinstance(instant, datetime) else instant
    return dates.format_date(day, format=style, locale=str(get_locale() or "en_US"))


def datetime_text(instant: datetime, style: str = "medium") -> str:
    """Date and time in the publication's zone."""
    return dates.format_datetime(local(instant), format=style, tzinfo=zone(), locale=str(get_locale() or "en_US"))


def moment_text(instant: datetime) -> str:
    """ "May 31, 2026, 12:42 PM UTC": for an instant that somebody has to keep, in the publication's zone, which it names."""
    there, said = local(instant), str(get_locale() or "en_US")
    zone_name = dates.get_timezone_name(there, width="short", locale=said)
    return f"{date_text(instant)}, {dates.format_time(there, format='short', tzinfo=zone(), locale=said)} {zone_name}"


def month_text(instant: datetime | date) -> str:
    """ "May 2026"."""
    day = local(instant).date() if isinstance(instant, datetime) else instant
    return dates.format_skeleton("yMMMM", day, locale=str(get_locale() or "en_US"))


def count_text(number: int) -> str:
    """A whole number with the locale's grouping."""
    return numbers.format_decimal(number, locale=str(get_locale() or "en_US"))


def init_app(app: Flask) -> None:
    """Offer these as Jinja filters: money, date, datetime, month, count, iso."""
    app.jinja_env.filters |= {
        "money": money,
        "date": date_text,
        "datetime": datetime_text,
        "moment": moment_text,
        "month": month_text,
        "count": count_text,
        "iso": lambda instant: instant.isoformat().replace("+00:00", "Z"),
    }
