"""The simulated readers: they dwindle as told, obey the flow's identity, and are the same for the same seed."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demo import climate
from demo.cast import Cast
from demo.records import World
from demo.simulation import simulate
from demo.spans import add_months, month_start, period, whole_months
from demo.subscribing import GRACE
from membership.domain import intervals
from payments.domain import plans
from reports.domain.flow import count_moves, moves
from reports.domain.intervals import Interval, history_of, is_member

NOW = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)
ZONE = ZoneInfo("America/New_York")


def world(readers: int = 600, months: int = 36, seed: int = 1, now: datetime = NOW) -> World:
    made = simulate(readers=readers, months=months, seed=seed, now=now, zone=ZONE, currency="usd")
    Cast(made, zone=ZONE, currency="usd").enter()
    return made


@pytest.fixture(scope="module")
def made() -> World:
    return world()


def bounds(made: World) -> list[datetime]:
    found, at = [], made.start
    while at < made.now:
        found.append(at)
        at = month_start(add_months(at + timedelta(days=10), 1), ZONE)
    return [*found, made.now]


def histories(made: World) -> list[list[Interval]]:
    rows: dict[int, list[Interval]] = {}
    for source in made.sources:
        for row in source.stretches:
            told = {name: getattr(row, name, None) for name in Interval._fields}
            told |= {"account_id": source.person, "source_kind": source.snapshot.kind, "source_id": source.snapshot.source_id}
            rows.setdefault(source.person, []).append(Interval(**told))
    return [history_of(found) for found in rows.values()]


@pytest.fixture(scope="module")
def crowd() -> World:
    """As many as the demo shows: few enough readers hide a season."""
    return world(readers=3000)


def test_the_base_swells_in_the_flood_and_dwindles_after(crowd: World) -> None:
    paying = [len(crowd.paying_at(at)) for at in bounds(crowd)]
    peak = paying.index(max(paying))
    assert 3 <= peak <= 9, "the peak follows the flood of the first spring"
    assert max(paying) > paying[0] * 1.1
    assert paying[-1] < max(paying) * 0.82
    later = paying[peak:]
    assert sum(after < before for before, after in pairwise(later)) > 0.75 * (len(later) - 1)


def lives(made: World) -> list[tuple[datetime, datetime | None, str | None]]:
    """When each paying source began, when it ended (None: not yet), and its interval; those that are older than the window left out."""
    found = []
    for source in made.sources:
        rows = [row for row in source.stretches if row.klass == "paying"]
        if rows and rows[0].effective_at > made.start + timedelta(days=1):
            found.append((rows[0].effective_at, rows[-1].until, rows[0].price_interval))
    return found


def test_people_join_by_the_season(crowd: World) -> None:
    """Fewer in summer. The flood's months, the drive's and those after the price rise, which do as they like, are left out."""
    joined = [(at.astimezone(ZONE).year, at.astimezone(ZONE).month) for at, _until, _interval in lives(crowd)]
    summer = [(year, month) for year in (2024, 2025) for month in (6, 7, 8)]
    others = [*((2024, month) for month in (1, 2, 5, 9, 10)), *((2025, month) for month in (1, 2, 3, 4, 5))]
    few, many = (sum(joined.count(one) for one in months) / len(months) for months in (summer, others))
    assert 0 < few < 0.87 * many


def test_those_whom_the_flood_brought_for_a_year_leave_when_the_year_is_over(crowd: World) -> None:
    """The cliff of annual renewals: a third or more of them go within a month, in the spring after."""
    flood = datetime(crowd.start.year + 1, climate.FLOOD_MONTH, 6, tzinfo=ZONE)
    years = [(at, until) for at, until, interval in lives(crowd) if interval == "year" and flood <= at < flood + timedelta(days=40)]
    left = [until - at for at, until in years if until is not None]
    in_the_year, at_its_end = (sum(a <= days.days < b for days in left) for a, b in ((0, 355), (355, 385)))
    assert len(years) > 50
    assert at_its_end > len(years) / 3
    assert at_its_end > 5 * in_the_year


def test_the_price_rises_for_newcomers_at_once_and_for_the_others_later(crowd: World) -> None:
    weather = climate.Climate(crowd.start, crowd.now, ZONE)
    paid = {
        (
            entry.amount,
            "before" if entry.occurred_at < weather.rise else "after" if entry.occurred_at > weather.rise + timedelta(days=90) else "",
        )
        for entry in crowd.entries
        if entry.kind == "payment" and entry.purpose == "subscription"
    }
    old, new = set(climate.BEFORE.values()), set(climate.AFTER.values())
    assert {amount for amount, when in paid if when == "before"} <= old
    assert {amount for amount, when in paid if when == "after"} & {climate.BEFORE["reader", "month"]} == set()
    assert (
        {climate.AFTER["reader", "month"], climate.AFTER["supporter", "month"]}
        <= {amount for amount, when in paid if when == "after"}
        <= old | new
    )
    gave = [row.notice_at for source in crowd.sources for row in source.stretches if row.notice_at and row.price_interval == "month"]
    near, before = (
        sum(weather.rise + timedelta(days=a) <= at < weather.rise + timedelta(days=b) for at in set(gave)) for a, b in ((0, 62), (-62, 0))
    )
    assert near > 1.5 * before, "many give notice when it is announced"


def test_every_month_satisfies_the_flow_identity(made: World) -> None:
    edges = bounds(made)
    found = histories(made)
    flows = count_moves([move for history in found for move in moves(history, edges)], len(edges) - 1)
    for flow, start, end in zip(flows, edges, edges[1:], strict=False):
        flow.opening, flow.closing = len(made.paying_at(start)), len(made.paying_at(end))
        assert flow.difference == 0
        assert flow.closing == sum(is_member(history, end) for history in found)


def test_every_kind_of_move_occurs(made: World) -> None:
    flows = count_moves([move for history in histories(made) for move in moves(history, bounds(made))], len(bounds(made)) - 1)
    seen = {kind: sum(flow.kinds[kind] for flow in flows) for kind in flows[0].kinds}
    rare = {"in_and_out", "paused_on_arrival", "lost_administrative", "lost_from_pause"}
    assert {kind for kind, count in seen.items() if not count} <= rare


def test_intervals_of_a_source_are_half_open_ordered_and_apart(made: World) -> None:
    for source in made.sources:
        for row in source.stretches:
            assert row.until is None or row.until > row.effective_at
            assert row.effective_at <= made.now
            assert row.recorded_at >= row.effective_at
        for before, after in pairwise(source.stretches):
            assert before.until is not None
            assert before.until <= after.effective_at


def test_history_and_snapshot_agree(made: World) -> None:
    """Looking at the source once more, as a webhook would, changes nothing."""
    for source in made.sources:
        rows = [
            intervals.Interval(
                **{name: getattr(row, name) for name in intervals.Interval.__dataclass_fields__ if name != "row_id"}, row_id=number
            )
            for number, row in enumerate(source.stretches)
        ]
        assert intervals.follow(rows, source.snapshot, GRACE) == intervals.Change(), source.snapshot.source_id


def test_money_is_whole_signed_and_numbered_once(made: World) -> None:
    assert made.entries
    assert len({(entry.source_id, entry.kind) for entry in made.entries}) == len(made.entries)
    for entry in made.entries:
        assert isinstance(entry.amount, int)
        assert (entry.amount > 0) == (entry.kind == "payment")
        assert entry.currency == "usd"
        assert made.start <= entry.occurred_at <= made.now
        assert "_demo_" in entry.source_id
    refunds = [entry for entry in made.entries if entry.kind == "refund"]
    paid = {entry.charge_id: entry for entry in made.entries if entry.kind == "payment"}
    assert refunds
    for refund in refunds:
        assert paid[refund.charge_id].amount == -refund.amount
        assert paid[refund.charge_id].occurred_at < refund.occurred_at


def test_contributions_match_their_money(made: World) -> None:
    by_number: dict[int, list[int]] = {}
    for entry in made.entries:
        if entry.contribution is not None and entry.kind == "payment":
            by_number.setdefault(entry.contribution, []).append(entry.amount)
    for given_ in made.contributions:
        payments = by_number.get(given_.number, [])
        assert set(payments) <= {given_.amount + given_.fee_cover}
        assert bool(payments) == (given_.status != "failed")
        assert (given_.refunded > 0) == (given_.status == "refunded")
    assert {given_.frequency for given_ in made.contributions} == {"once", "month"}
    assert any(given_.person is None for given_ in made.contributions)
    assert any(given_.anonymous for given_ in made.contributions)


def test_nobody_pays_what_the_page_does_not_ask() -> None:
    assert climate.AFTER.keys() == climate.BEFORE.keys() == {(plan.level, plan.interval) for plan in plans.defaults()}
    assert all(climate.BEFORE[terms] < amount for terms, amount in climate.AFTER.items())


def test_the_drive_of_last_year_worked(made: World) -> None:
    given_in = {}
    for year in (2024, 2025):
        span = datetime(year, 11, 17, tzinfo=UTC), datetime(year, 12, 13, tzinfo=UTC)
        given_in[year] = sum(
            e.amount for e in made.entries if e.kind == "payment" and e.purpose == "contribution" and span[0] <= e.occurred_at < span[1]
        )
    assert given_in[2025] > 1.5 * given_in[2024]


def test_the_same_seed_gives_the_same_world_and_another_does_not() -> None:
    assert world(readers=80, months=12) == world(readers=80, months=12)
    assert world(readers=80, months=12, seed=2).entries != world(readers=80, months=12).entries


@settings(max_examples=12)
@given(
    readers=st.integers(1, 60),
    months=st.integers(1, 40),
    seed=st.integers(0, 2**32),
    now=st.datetimes(datetime(2023, 1, 1), datetime(2032, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001 - the strategy adds the zone
)
def test_any_world_holds_together(readers: int, months: int, seed: int, now: datetime) -> None:
    made = simulate(readers=readers, months=months, seed=seed, now=now, zone=ZONE, currency="usd")
    assert len(made.people) == readers
    assert len({person.email for person in made.people}) == readers
    for source in made.sources:
        for before, after in pairwise(source.stretches):
            assert before.until is not None
            assert before.until <= after.effective_at
    assert all(entry.occurred_at <= now for entry in made.entries)
    assert all(row.created_at <= now for row in made.contributions)


@pytest.mark.parametrize(("readers", "months"), [(0, 12), (10, 0)])
def test_an_empty_world_is_refused(readers: int, months: int) -> None:
    with pytest.raises(ValueError, match="at least one"):
        world(readers=readers, months=months)


@pytest.mark.parametrize(
    ("anchor", "interval", "number", "due"),
    [
        (datetime(2026, 1, 31, 9, tzinfo=UTC), "month", 1, datetime(2026, 2, 28, 9, tzinfo=UTC)),
        (datetime(2026, 1, 31, 9, tzinfo=UTC), "month", 2, datetime(2026, 3, 31, 9, tzinfo=UTC)),
        (datetime(2024, 2, 29, tzinfo=UTC), "year", 1, datetime(2025, 2, 28, tzinfo=UTC)),
        (datetime(2024, 2, 29, tzinfo=UTC), "year", 4, datetime(2028, 2, 29, tzinfo=UTC)),
    ],
)
def test_billing_periods_are_clamped_and_do_not_drift(anchor: datetime, interval: str, number: int, due: datetime) -> None:
    assert period(anchor, interval, number) == due


def test_whole_months_counts_anniversaries() -> None:
    assert whole_months(datetime(2026, 1, 31, tzinfo=UTC), datetime(2026, 2, 27, tzinfo=UTC)) == 0
    assert whole_months(datetime(2026, 1, 31, tzinfo=UTC), datetime(2026, 2, 28, tzinfo=UTC)) == 1
