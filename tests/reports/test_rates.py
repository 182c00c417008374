"""Rates, rounding and the table of losses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.domain.intervals import history_of
from reports.domain.losses import last_loss
from reports.domain.notices import latest_each, notices
from reports.domain.rates import Rate
from reports.domain.rounding import minor_units, shares
from tests.reports.histories import day, row


def test_nothing_of_nothing_is_no_rate():
    assert Rate(0, 0).value is None
    assert Rate(0, 0).interval is None


def test_wilson_against_the_published_example():
    # 15 of 148: 6.2 % to 16.0 % (Newcombe 1998, method 3: 0.0624 to 0.1605).
    low, high = Rate(15, 148).interval
    assert (round(low, 4), round(high, 4)) == (0.0624, 0.1605)


@given(st.integers(1, 100_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_holds_the_rate_and_stays_a_probability(pair):
    rate = Rate(*pair)
    low, high = rate.interval
    assert 0 <= low <= rate.value + 1e-12
    assert rate.value - 1e-12 <= high <= 1


@pytest.mark.parametrize(
    ("price", "months", "shown"),
    [(5000, 12, 417), (4999, 12, 417), (1500, 3, 500), (0, 1, 0)],
)
def test_a_yearly_price_is_rounded_only_when_printed(price, months, shown):
    assert minor_units(price * 720 // months) == shown


@given(st.lists(st.integers(-(10**12), 10**12), max_size=12), st.integers(0, 10**12))
def test_rounded_parts_still_lead_from_opening_to_closing(parts, opening):
    total = minor_units(opening + sum(parts)) - minor_units(opening)
    whole = shares(parts, total)
    assert sum(whole) == total
    assert all(abs(720 * one - part) < 720 for one, part in zip(whole, parts, strict=True))
    assert all(one * 720 == part for one, part in zip(whole, parts, strict=True) if part % 720 == 0)


def test_the_largest_remainder_gets_the_unit_and_ties_go_to_the_earlier():
    assert shares([100, 700, -20], 1) == [0, 1, 0]
    assert shares([360, 360], 1) == [1, 0]
    assert shares([360, -360]) == [1, -1]


def test_an_impossible_total_is_refused():
    with pytest.raises(ValueError, match="rounded"):
        shares([720, 720], 7)


LOSSES = [
    ("reader", None, "active", "voluntary", False),
    ("reader", 5, "ending", "voluntary", False),
    ("payment", None, "past_due", "involuntary", False),
    ("payment", 5, "past_due", "voluntary", True),
    ("reader", None, "past_due", "voluntary", True),
    ("fraud", None, "active", "involuntary", False),
    ("dispute", 5, "ending", "voluntary", False),
    ("staff", None, "active", "administrative", False),
    ("staff", 5, "ending", "voluntary", False),
    ("merge", 5, "ending", "administrative", False),
    ("migration", None, "active", "administrative", False),
    ("death", 5, "past_due", "administrative", False),
    ("comp", None, "active", "administrative", False),
    (None, 5, "ending", "voluntary", False),
    (None, None, "past_due", "involuntary", False),
    (None, None, "active", "administrative", False),
]


@pytest.mark.parametrize(("cause", "notice", "state", "kind", "while_past_due"), LOSSES)
def test_the_table_of_losses(cause, notice, state, kind, while_past_due):
    loss = last_loss(history_of([row(0, 10, state, cause=cause, notice=notice)]), None, day(10))
    assert (loss.kind, loss.while_past_due) == (kind, while_past_due)


def test_notice_in_dunning_is_told_from_notice_before_it():
    before = [row(0, 5, "ending", notice=2, cause="replaced"), row(5, 10, "past_due", notice=2, cause="payment")]
    during = [row(0, 5, "past_due", cause="replaced"), row(5, 10, "ending", notice=5, cause="payment")]
    assert not last_loss(history_of(before), None, day(10)).while_past_due
    assert last_loss(history_of(during), None, day(10)).while_past_due


def test_the_last_word_counts_and_a_zero_length_row_may_have_it():
    rows = [row(0, 9, cause="replaced"), row(9, 9, "past_due", cause="payment")]
    assert last_loss(history_of(rows), None, day(10)).cause == "payment"
    assert last_loss(history_of(rows), day(9), day(10)) is None


def test_notices_given_withdrawn_and_given_again():
    rows = [
        row(0, 10, cause="replaced"),
        row(10, 20, "ending", notice=10, cause="replaced"),
        row(20, 40, cause="replaced"),
        row(40, 400, "ending", notice=40),
    ]
    first, second = notices(history_of(rows))
    assert (first.given_at, first.falls_at, first.withdrawn_at) == (day(10), None, day(20))
    assert (second.given_at, second.falls_at, second.withdrawn_at) == (day(40), day(400), None)
    assert latest_each([first, second], day(0), day(60)) == [second]
    assert latest_each([first, second], day(0), day(40)) == [first]
