"""Monthly recurring revenue, exact: in 1/720 of a minor unit, so that no rounding happens before display.

reports.md §3: month u·q/n, year u·q/(12n), week u·q·(52/12)/n, day u·q·(365/12)/n. 720 is divisible by every
denominator that those have for the intervals that publications sell (1, 2, 3, 4, 6 and 12 months, 1 and 2 years, 1, 2
and 4 weeks); anything odder is rounded half to even at 1/720 of a minor unit.
"""

from fractions import Fraction

SCALE = 720
_A_MONTH = {"month": Fraction(1), "year": Fraction(1, 12), "week": Fraction(52, 12), "day": Fraction(365, 12)}


def mrr_720(unit_amount: int, quantity: int, interval: str, interval_count: int) -> int:
    """The monthly rate of a price of ``unit_amount`` minor units each ``interval_count`` intervals.

    Raises ValueError for an interval that Stripe does not have or a count below 1.
    """
    if interval not in _A_MONTH or interval_count < 1:
        raise ValueError(f"no such billing interval: {interval_count} {interval}")
    return round(Fraction(unit_amount * quantity * SCALE) * _A_MONTH[interval] / interval_count)


def minor(mrr: int) -> Fraction:
    """A rate in 1/720 as an exact number of minor units a month."""
    return Fraction(mrr, SCALE)
