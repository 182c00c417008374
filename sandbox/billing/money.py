"""Fees and words for amounts. Integers in minor units throughout."""

ZERO_DECIMAL = frozenset(
    ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx", "vnd", "vuv", "xaf", "xof", "xpf"]
)  # fmt: skip
SYMBOLS = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥", "chf": "CHF ", "cad": "CA$"}


def fee_of(amount: int) -> int:
    """2.9 % and 30 minor units, rounded half up: the list price of a US card."""
    return (amount * 29 + 500) // 1000 + 30


def text(amount: int, currency: str) -> str:
    """`$25.00`; negative as `-$25.00`."""
    sign = "-" if amount < 0 else ""
    symbol = SYMBOLS.get(currency, currency.upper() + " ")
    if currency in ZERO_DECIMAL:
        return f"{sign}{symbol}{abs(amount):,}"
    return f"{sign}{symbol}{abs(amount) // 100:,}.{abs(amount) % 100:02d}"
