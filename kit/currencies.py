"""Currencies as Stripe counts them: how many decimals, and which amounts exist. Pure: rules may import it."""

from decimal import Decimal

# Stripe's own exponents; CLDR's differ (ISK and UGX are whole there, but Stripe wants hundredths).
ZERO_DECIMAL = frozenset(["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"])
THREE_DECIMAL = frozenset(["bhd", "jod", "kwd", "omr", "tnd"])
# Written with hundredths, charged in whole units only.
WHOLE_ONLY = frozenset(["isk", "ugx"])

# What people write beside an amount, where it is one sign.
SIGNS = {
    **dict.fromkeys(("usd", "cad", "aud", "nzd", "mxn", "sgd", "hkd", "clp"), "$"),
    **dict.fromkeys(("jpy", "cny"), "\u00a5"),
    "eur": "\u20ac", "gbp": "\u00a3", "inr": "\u20b9", "krw": "\u20a9", "ils": "\u20aa", "uah": "\u20b4", "ngn": "\u20a6",
}  # fmt: skip


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
