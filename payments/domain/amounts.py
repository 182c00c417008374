"""Reads an amount that somebody typed. Everything that is not plainly an amount is refused by name.

The grammar: ASCII digits, then if the currency has decimals a point or a comma and at most so many digits; space
around it does not matter, nor does the currency's own sign or code before or behind it. No plus or minus, no exponent,
no other currency, no grouping: "1,500" could be 1.50 or 1500, and guessing with somebody's money is worse than asking.
"""

import re
from dataclasses import dataclass

from kit.currencies import SIGNS, exponent, major, step
from kit.problems import Problem, Refused, mark

_NUMBER = re.compile(r"([0-9]+)(?:[.,]([0-9]+))?")
_GROUPED = re.compile(r"[0-9]{1,3}(?:[.,'’ \u00a0\u2009\u202f][0-9]{3})+(?:[.,][0-9]+)?")
_SIGNED = re.compile(r"[-+\u2212\u2013][0-9.,]+")
# Longer than any amount that a database column or Stripe takes; int() of thousands of digits is slow.
_MOST_DIGITS = 12

MISSING = mark("Enter an amount.")
NOT_AN_AMOUNT = mark("Enter the amount in digits, such as %(example)s.")
SIGNED = mark("Enter the amount without a plus or minus sign.")
GROUPED = mark("Enter the amount without thousands separators, such as %(example)s.")
TOO_FINE_WHOLE = mark("This currency is paid in whole units: enter the amount without decimals.")
TOO_FINE = mark("Enter at most %(decimals)s decimals, such as %(example)s.")
NO_SUCH_STEP = mark("The last of three decimals must be 0, such as %(example)s.")
TOO_SMALL = mark("The smallest amount is %(minimum)s.")
TOO_LARGE = mark("The largest amount is %(maximum)s.")


@dataclass(frozen=True, slots=True)
class Money:
    """Minor units with their currency; the door writes it as the reader's locale does."""

    amount: int
    currency: str

    def __str__(self) -> str:
        return f"{major(self.amount, self.currency)} {self.currency.upper()}"


def refuse(field: str, text: str, **values: object) -> Refused:
    """A refusal of one field, to be raised."""
    return Refused({field: Problem(text, tuple(values.items()))})


def parse(typed: str, currency: str, minimum: int, maximum: int, *, field: str = "amount") -> int:
    """The typed amount in minor units of ``currency``, between the bounds (inclusive, minor units).

    Raises Refused naming what is wrong, at ``field``.
    """
    text = _bare(typed.strip(), currency)
    if not text:
        raise refuse(field, MISSING)
    decimals, example = exponent(currency), example_of(currency)
    found = _NUMBER.fullmatch(text)
    if found is None:
        raise refuse(field, _odd(text), example=example)
    whole, fraction = found[1], found[2] or ""
    if len(fraction) > decimals:
        raise _too_many_decimals(field, whole, fraction, decimals, example)
    if len(whole.lstrip("0")) > _MOST_DIGITS:
        raise refuse(field, TOO_LARGE, maximum=Money(maximum, currency))
    amount = int(whole[-_MOST_DIGITS:] + fraction.ljust(decimals, "0"))
    check(amount, currency, minimum, maximum, field=field)
    return amount


def _bare(text: str, currency: str) -> str:
    """Without the sign or code of this currency, once, at one end."""
    for sign in (SIGNS.get(currency.lower(), ""), currency.upper(), currency.lower()):
        if sign and text.startswith(sign):
            return text.removeprefix(sign).lstrip()
        if sign and text.endswith(sign):
            return text.removesuffix(sign).rstrip()
    return text


def check(amount: int, currency: str, minimum: int, maximum: int, *, field: str = "amount") -> None:
    """Raises Refused unless the amount (minor units) exists in the currency and lies within the bounds, inclusive."""
    if amount < minimum:
        raise refuse(field, TOO_SMALL, minimum=Money(minimum, currency))
    if amount > maximum:
        raise refuse(field, TOO_LARGE, maximum=Money(maximum, currency))
    if amount % step(currency):
        raise refuse(field, TOO_FINE_WHOLE if step(currency) == 100 else NO_SUCH_STEP, example=example_of(currency))


def example_of(currency: str) -> str:
    """How an amount of this currency is typed: "25", "25.00" or "25.000"."""
    return str(major(25 * 10 ** exponent(currency), currency))


def _odd(text: str) -> str:
    if _SIGNED.fullmatch(text):
        return SIGNED
    return GROUPED if _GROUPED.fullmatch(text) else NOT_AN_AMOUNT


def _too_many_decimals(field: str, whole: str, fraction: str, decimals: int, example: str) -> Refused:
    if len(fraction) == 3 and 1 <= len(whole) <= 3:
        return refuse(field, GROUPED, example=example)
    if decimals == 0:
        return refuse(field, TOO_FINE_WHOLE)
    return refuse(field, TOO_FINE, decimals=decimals, example=example)
