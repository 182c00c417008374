"""What may be a goal: an amount above nothing, with no more decimals than the currency has."""

from decimal import Decimal

# More than any publication hopes for in a month, and well inside a signed 64-bit integer.
MOST = 10**14


class Refused(ValueError):
    """`reason` names why the amount cannot be a goal: not_above_zero, too_many_decimals, too_much."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def minor_amount(amount: Decimal, exponent: int) -> int:
    """A finite amount in whole units as minor units of a currency with `exponent` decimals. Raises Refused."""
    if amount <= 0:
        raise Refused("not_above_zero")
    if amount > MOST:
        raise Refused("too_much")
    minor = amount.scaleb(exponent)
    if minor != minor.to_integral_value():
        raise Refused("too_many_decimals")
    return int(minor)
