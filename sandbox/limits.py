"""What Stripe's API refuses by size: one table, held against every call after the check of names and types.

Sizes are those of the SDK's docstrings and of Stripe's pages on metadata, keys and amounts.
"""

import re

from sandbox.errors import StripeError

HOUR = 3600
DAY = 24 * HOUR

KEY = 255  # characters of an Idempotency-Key
METADATA = {"keys": 50, "key": 40, "value": 500}

# Last word of a parameter's name -> most characters.
TEXTS = {
    "client_reference_id": 200,
    "statement_descriptor": 22,
    "statement_descriptor_suffix": 22,
    "code": 500,
    "email": 512,
    "customer_email": 512,
}
# (route, parameter without its numbers) -> least and most; "*": on every route.
NUMBERS: dict[tuple[str, str], tuple[float, float]] = {
    ("/v1/payment_intents", "amount"): (1, 99_999_999),
    ("/v1/coupons", "percent_off"): (0.01, 100),
    ("/v1/coupons", "amount_off"): (1, 99_999_999),
    ("/v1/coupons", "max_redemptions"): (1, 2**31),
    ("/v1/coupons", "duration_in_months"): (1, 2**31),
    ("*", "trial_period_days"): (0, 730),
    ("*", "subscription_data[trial_period_days]"): (1, 730),
    ("*", "items[quantity]"): (0, 999_999),
    ("*", "quantity"): (0, 999_999),
    ("*", "line_items[quantity]"): (0, 999_999),
    ("*", "unit_amount"): (0, 99_999_999),
    ("*", "price_data[unit_amount]"): (0, 99_999_999),
    ("*", "line_items[price_data][unit_amount]"): (0, 99_999_999),
}
# Parameter -> seconds from now, least and most.
MOMENTS: dict[str, tuple[int, int]] = {
    "expires_at": (HOUR // 2, DAY),
    "subscription_data[trial_end]": (2 * DAY, 5 * 366 * DAY),
    "trial_end": (1, 5 * 366 * DAY),
}
# The least that can be charged, in minor units; other currencies have limits that are not known here.
CHARGE = {"usd": 50, "eur": 50, "gbp": 30, "cad": 50, "aud": 50, "chf": 50, "sek": 300, "nok": 300, "dkk": 250, "jpy": 50}


def check(route: str, params: object, name: str = "") -> None:
    """Hold typed parameters against the table. Raises StripeError naming the parameter."""
    if isinstance(params, list):
        for i, entry in enumerate(params):
            check(route, entry, f"{name}[{i}]")
    elif isinstance(params, dict) and name.split("[")[-1].rstrip("]") == "metadata":
        metadata(params, name)
    elif isinstance(params, dict):
        for key, value in params.items():
            check(route, value, f"{name}[{key}]" if name else str(key))
    else:
        _one(route, params, name)


def _one(route: str, value: object, name: str) -> None:
    most = TEXTS.get(name.split("[")[-1].rstrip("]"))
    if isinstance(value, str) and most is not None and len(value) > most:
        raise StripeError.invalid(f"Invalid string: must be at most {most} characters", name, "parameter_invalid_string")
    plain = re.sub(r"\[\d+\]", "", name)
    limits = NUMBERS.get((route, plain)) or NUMBERS.get(("*", plain))
    if limits is None or not isinstance(value, int | float):
        return
    if value < limits[0]:
        raise StripeError.invalid(f"This value must be greater than or equal to {limits[0]}.", name, "parameter_invalid_integer")
    if value > limits[1]:
        large = "amount" in name.split("[")[-1]
        raise StripeError.invalid(
            f"This value must be less than or equal to {limits[1]}.", name, "amount_too_large" if large else "parameter_invalid_integer"
        )


def metadata(given: dict, name: str) -> None:
    """Raises StripeError when it is more than an object can carry."""
    if len(given) > METADATA["keys"]:
        raise StripeError.invalid(f"Metadata can have up to {METADATA['keys']} keys.", name)
    for key, value in given.items():
        if len(key) > METADATA["key"]:
            raise StripeError.invalid(f"Metadata keys can have up to {METADATA['key']} characters; yours has {len(key)}.", name)
        if len(value) > METADATA["value"]:
            raise StripeError.invalid(f"Metadata values can have up to {METADATA['value']} characters.", f"{name}[{key}]")


def moment(name: str, at: object, now: int) -> None:
    """Raises StripeError for an instant (unix seconds) too soon or too late; words such as `now` pass."""
    least, most = MOMENTS[name]
    if isinstance(at, int) and not least <= at - now <= most:
        raise StripeError.invalid(f"`{name}` must be between {least} seconds and {most // DAY or 1} days from now.", name)


def charge(amount: int, currency: str) -> None:
    """Raises StripeError for less than can be charged."""
    least = CHARGE.get(currency, 1)
    if amount < least:
        raise StripeError.invalid(f"Amount must be at least {least} {currency}", "amount", "amount_too_small")


def key(value: str) -> None:
    if len(value) > KEY:
        raise StripeError.invalid(f"Your idempotency key is too long: it must be at most {KEY} characters.")
