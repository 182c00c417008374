"""Month boundaries: every zone there is, every month of some years, midnights that do not exist."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.domain.months import Month, boundaries, first_instant, months_through

ZONES = sorted(available_timezones() - {"localtime", "Factory"})
a_month = st.builds(Month, st.integers(1971, 2080), st.integers(1, 12))


@given(a_month, st.sampled_from(ZONES))
def test_a_month_begins_when_its_clocks_first_show_it(month, name):
    zone = ZoneInfo(name)
    start, midnight = month.start(zone), datetime.combine(date(month.year, month.month, 1), time.min)
    assert start.astimezone(zone).replace(tzinfo=None) >= midnight
    assert (start - timedelta(seconds=1)).astimezone(zone).replace(tzinfo=None) < midnight


@given(a_month, st.sampled_from(ZONES))
def test_months_are_contiguous_and_of_a_month_s_length(month, name):
    zone = ZoneInfo(name)
    length = month.plus(1).start(zone) - month.start(zone)
    assert timedelta(days=26) <= length <= timedelta(days=32)
    assert Month.of(month.start(zone), zone) == month


@pytest.mark.parametrize(
    ("zone", "month", "instant"),
    [
        ("Pacific/Kiritimati", Month(2026, 1), "2025-12-31T10:00"),  # +14
        ("Etc/GMT+12", Month(2026, 1), "2026-01-01T12:00"),  # -12
        ("Europe/Berlin", Month(2026, 4), "2026-03-31T22:00"),  # after the clocks went forward
        ("Europe/Berlin", Month(2026, 11), "2026-10-31T23:00"),  # and back
        ("Asia/Amman", Month(2016, 4), "2016-03-31T22:00"),  # midnight of 1 April did not exist: begins at 01:00
        ("UTC", Month(2024, 3), "2024-03-01T00:00"),  # after a leap day
    ],
)
def test_known_boundaries(zone, month, instant):
    assert month.start(ZoneInfo(zone)) == datetime.fromisoformat(instant).replace(tzinfo=UTC)


def test_a_gap_that_swallows_midnight_from_before_it():
    # Toronto, 30 March 1919: clocks went from 23:30 to 00:30, so the 31st began at half past midnight.
    start = first_instant(date(1919, 3, 31), ZoneInfo("America/Toronto"))
    assert start == datetime(1919, 3, 31, 4, 30, tzinfo=UTC)


def test_the_running_month_ends_now():
    now = datetime(2026, 11, 22, 18, tzinfo=UTC)
    months = list(months_through(Month(2026, 10), Month(2026, 11)))
    assert boundaries(months, ZoneInfo("UTC"), now) == [
        datetime(2026, 10, 1, tzinfo=UTC),
        datetime(2026, 11, 1, tzinfo=UTC),
        now,
    ]
    assert boundaries([], ZoneInfo("UTC"), now) == []


@pytest.mark.parametrize("text", ["", "2026", "2026-13", "2026-00", "26-11", "2026-1", "1969-12", "2026-11-01", "٢٠٢٦-11", "9999-12"])
def test_what_is_not_a_month_is_refused(text):
    with pytest.raises(ValueError, match="month"):
        Month.parse(text)


@given(a_month, st.integers(-500, 500))
def test_plus_and_text_round_trip(month, months):
    assert month.plus(months).plus(-months) == month
    assert Month.parse(str(month)) == month
