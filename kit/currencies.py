"""Currencies as Stripe counts them: how many decimals, and which amounts exist. Pure: rules may import it."""

from decimal import Decimal

# Stripe's own exponents; CLDR's differ (ISK and UGX are whole there, but Stripe wants hundredths).
ZERO_DECIMAL = frozenset(["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"])
THREE_DECIMAL = frozenset(["bhd", "jod", "kwd", "omr", "tnd"])
# Written with hundredths, charged in whole units only.
WHOLE_ONLY = frozenset(["isk", "ugx"])


def exponent(currency: str) -> int:
    """How many decimals Stripe's minor unit of this currency has: 0, 2 or 3."""
    currency = currency.lower()
    return 0 if currency in ZERO_DECIMAL else 3 if currency in THREE_DECIMAL else 2


def step(currency: str) -> int:
    """The smallest difference between two chargeable amounts, in minor units: 1, or 100 (ISK), or 10 (KWD)."""
    currency = currency.lower()
    return 100 if currency in WHOLE_ONLY else 10 if currency in THREE_DECIMAL else 1


def major(amount: int, currency: str) -> Decimal:
    """Minor units as an exact decimal amount of the currency."""
    return Decimal(amount).scaleb(-exponent(currency))
