"""Monthly rates are exact until they are shown."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from membership.domain.rates import SCALE, minor, mrr_720


@pytest.mark.parametrize(
    ("amount", "quantity", "interval", "count", "monthly"),
    [
        (500, 1, "month", 1, Fraction(500)),
        (500, 3, "month", 1, Fraction(1500)),
        (1500, 1, "month", 3, Fraction(500)),
        (5000, 1, "year", 1, Fraction(5000, 12)),
        (9900, 1, "year", 2, Fraction(9900, 24)),
        (100, 1, "week", 1, Fraction(100 * 52, 12)),
        (100, 1, "week", 4, Fraction(100 * 52, 48)),
        (10, 1, "day", 1, Fraction(3650, 12)),
        (0, 1, "month", 1, Fraction(0)),
    ],
)
def test_a_price_as_a_monthly_rate(amount: int, quantity: int, interval: str, count: int, monthly: Fraction) -> None:
    assert minor(mrr_720(amount, quantity, interval, count)) == monthly


@given(st.integers(0, 10**8), st.integers(1, 100), st.sampled_from(["month", "year", "week"]), st.sampled_from([1, 2]))
def test_the_rate_is_exact_and_grows_with_amount_and_quantity(amount: int, quantity: int, interval: str, count: int) -> None:
    rate = mrr_720(amount, quantity, interval, count)
    assert rate == mrr_720(amount * quantity, 1, interval, count)
    assert rate == quantity * mrr_720(amount, 1, interval, count)


@given(st.integers(0, 10**8), st.sampled_from(["month", "year", "week", "day"]), st.integers(1, 400))
def test_an_odd_interval_is_off_by_less_than_a_720th(amount: int, interval: str, count: int) -> None:
    months = {"month": Fraction(1), "year": Fraction(1, 12), "week": Fraction(52, 12), "day": Fraction(365, 12)}[interval]
    assert abs(mrr_720(amount, 1, interval, count) - amount * SCALE * months / count) <= Fraction(1, 2)


@pytest.mark.parametrize(("interval", "count"), [("quarter", 1), ("month", 0), ("month", -1), ("", 1)])
def test_an_interval_that_there_is_not_is_refused(interval: str, count: int) -> None:
    with pytest.raises(ValueError, match="no such billing interval"):
        mrr_720(500, 1, interval, count)
