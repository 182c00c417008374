"""The one form of this room: a month's goal."""

import re
from decimal import Decimal
from typing import Any

from babel.numbers import NumberFormatError, parse_decimal
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import StringField, ValidationError

from kit.formats import exponent
from kit.settings import settings
from reports.domain.goals import Refused, minor_amount
from reports.domain.months import Month

_REFUSALS = {
    "not_above_zero": _l("A goal is more than nothing. Leave the field empty to have none."),
    "too_many_decimals": _l("That is finer than the currency's smallest coin."),
    "too_much": _l("That is more than can be kept. Is a digit too many?"),
}


def _stripped(text: str | None) -> str:
    return (text or "").strip()


class GoalForm(FlaskForm):
    """Month, currency and amount; after `validate`, `goal` is (Month, currency, minor units or None for no goal)."""

    month = StringField(_l("Month"), filters=[_stripped], description=_l("Year and month, such as 2026-11."))
    currency = StringField(_l("Currency"), filters=[_stripped, str.lower], description=_l("Three letters, such as usd."))
    amount = StringField(_l("Goal"), filters=[_stripped], description=_l("Leave it empty to have none."))
    minor: int | None = None

    def validate_month(self, field: Any) -> None:
        try:
            Month.parse(field.data)
        except ValueError:
            raise ValidationError(_("Write the month as year and month, such as 2026-11.")) from None

    def validate_currency(self, field: Any) -> None:
        field.data = field.data or settings()["CURRENCY"]
        if not re.fullmatch(r"[a-z]{3}", field.data):
            raise ValidationError(_("A currency has three letters, such as usd."))

    def validate_amount(self, field: Any) -> None:
        if not field.data or self.currency.errors:
            return
        try:
            self.minor = minor_amount(_number(field.data), exponent(self.currency.data))
        except Refused as refused:
            raise ValidationError(str(_REFUSALS[refused.reason])) from refused


def _number(text: str) -> Decimal:
    """The amount as people of this locale write it."""
    # Digits and separators only: Decimal would take "1e9" and "NaN" as well.
    if not re.fullmatch(r"-?[0-9][0-9.,'\u00a0\u202f ]*", text, re.ASCII):
        raise ValidationError(_("Write the amount in digits, such as 1500 or 1500.00."))
    try:
        return parse_decimal(text, locale=str(get_locale() or "en_US"), strict=True)
    except NumberFormatError:
        raise ValidationError(_("It is not clear which amount that is. Write it without separators, such as 1500.")) from None
