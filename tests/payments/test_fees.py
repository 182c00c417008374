"""M04: covering the fee is exact, and as little as possible."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.domain.fees import Tariff, cover, gross

US_CARD = Tariff(290, 30)
TARIFFS = st.builds(Tariff, st.integers(0, 1500), st.integers(0, 500))


@pytest.mark.parametrize(("amount", "added"), [(100, 34), (500, 46), (1000, 61), (2500, 106), (5000, 180), (10000, 330), (100_000, 3017)])
def test_what_covering_adds(amount: int, added: int) -> None:
    assert cover(amount, US_CARD) == added


@given(st.integers(1, 100_000_000), TARIFFS, st.sampled_from([1, 10, 100]))
def test_the_amount_remains_and_no_smaller_charge_would_do(amount: int, tariff: Tariff, step: int) -> None:
    charged = gross(amount, tariff, step)
    assert charged - tariff.fee(charged) >= amount
    assert charged % step == 0
    fewer = charged - step
    assert fewer - tariff.fee(fewer) < amount


@given(st.integers(1, 10_000_000), TARIFFS)
def test_what_remains_never_shrinks_when_more_is_charged(charged: int, tariff: Tariff) -> None:
    assert charged + 1 - tariff.fee(charged + 1) >= charged - tariff.fee(charged)


@pytest.mark.parametrize(("rate", "fixed"), [(10_000, 0), (-1, 0), (0, -1)])
def test_a_tariff_that_takes_everything_is_refused(rate: int, fixed: int) -> None:
    with pytest.raises(ValueError, match="no such tariff"):
        Tariff(rate, fixed)
