"""Reading a card from a form, with the messages that Stripe's own page shows."""

import dataclasses
import datetime as dt
import re

from sandbox.billing import cards, methods
from sandbox.errors import StripeError


@dataclasses.dataclass
class CardForm:
    """What was typed, kept as it was typed."""

    number: str = ""
    expiry: str = ""
    cvc: str = ""
    name: str = ""
    country: str = "US"
    postal_code: str = ""


def card_error(message: str, code: str, field: str) -> StripeError:
    return StripeError(message, status=402, kind="card_error", code=code, param=field)


def read(form: CardForm, now: int) -> tuple[cards.Card, int, int]:
    """The test card and its expiry (month, year). Raises StripeError at the field."""
    digits = re.sub(r"[\s-]", "", form.number)
    if not digits:
        raise card_error("Your card number is incomplete.", "incomplete_number", "card_number")
    if not re.fullmatch(r"[0-9]{13,19}", digits) or not _luhn(digits):
        raise card_error("Your card number is invalid.", "invalid_number", "card_number")
    month, year = _expiry(form.expiry, now)
    if not re.fullmatch(r"[0-9]{3,4}", form.cvc.strip()):
        raise card_error("Your card's security code is incomplete.", "incomplete_cvc", "cvc")
    card = cards.numbered(digits)
    if card is None:
        raise card_error(
            "Your card was declined. Your request was in test mode, but used a non test card. Use 4242 4242 4242 4242.",
            "card_declined",
            "card_number",
        )
    return card, month, year


def _luhn(digits: str) -> bool:
    doubled = [int(d) * (2 if i % 2 else 1) for i, d in enumerate(reversed(digits))]
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0


def _expiry(text: str, now: int) -> tuple[int, int]:
    match = re.fullmatch(r"\s*([0-9]{1,2})\s*/?\s*([0-9]{2}|[0-9]{4})\s*", text)
    if not match or not 1 <= int(match[1]) <= 12:
        raise card_error("Your card's expiration date is incomplete.", "incomplete_expiry", "expiry")
    month, year = int(match[1]), int(match[2]) % 100 + 2000
    today = dt.datetime.fromtimestamp(now, dt.UTC)
    if (year, month) < (today.year, today.month):
        raise card_error("Your card's expiration date is in the past.", "invalid_expiry_year_past", "expiry")
    return month, year


def method_of(world, form: CardForm, *, of: dict, email: str | None) -> dict:
    """A payment method from what was typed. Raises StripeError at the field."""
    card, month, year = read(form, world.now(of))
    details = {
        "name": form.name or None,
        "email": email,
        "address": {"country": form.country or None, "postal_code": form.postal_code or None},
    }
    return methods.make_card(world, card, of=of, details=details, exp_month=month, exp_year=year)
