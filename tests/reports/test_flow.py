"""The member flow: each class as a table, the identities and the oracle on random histories."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.domain.bridge import STEPS, bridge_moves
from reports.domain.flow import LOST, Kind, count_moves, moves
from reports.domain.intervals import history_of, is_member, is_paused, mrr_at
from reports.domain.months import Month, boundaries
from tests.reports import oracle
from tests.reports.histories import day, people, row

UTC_ZONE = ZoneInfo("UTC")
MONTHS = [Month(2025, 1).plus(n) for n in range(14)]
BOUNDS = boundaries(MONTHS, UTC_ZONE, day(2000))
MARCH = [day(59), day(90)]  # [1 March, 1 April)


def march(*rows):
    return list(moves(history_of(rows), MARCH))


TABLE = [
    ("stays, nothing happens", [row(0, None)], []),
    ("joins", [row(70, None)], ["new"]),
    ("joins at the very instant the month ends: the state at its end changed", [row(90, None)], ["new"]),
    ("joined at the very instant the month began: that was February's", [row(59, None)], []),
    ("comes back", [row(0, 40, cause="reader"), row(70, None, source="sub_2")], ["reactivated"]),
    ("cancels", [row(0, 70, cause="reader")], ["lost_voluntary"]),
    ("end of the month is the end of access", [row(0, 90, cause="reader")], ["lost_voluntary"]),
    ("card fails to the end of grace", [row(0, 60, cause="replaced"), row(60, 75, "past_due", cause="payment")], ["lost_involuntary"]),
    ("past due within grace is still a member", [row(0, 60, cause="replaced"), row(60, 95, "past_due", cause="payment")], []),
    ("lost dispute", [row(0, 70, cause="dispute")], ["lost_involuntary"]),
    ("refunded and removed by staff", [row(0, 70, cause="staff")], ["lost_administrative"]),
    ("staff end what the reader had given notice of", [row(0, 70, "ending", cause="staff", notice=50)], ["lost_voluntary"]),
    ("merged", [row(0, 70, cause="merge")], ["lost_administrative"]),
    ("died after giving notice", [row(0, 70, "ending", cause="death", notice=50)], ["lost_administrative"]),
    ("becomes complimentary", [row(0, 70, cause="replaced"), row(70, None, klass="comp", mrr_720=0)], ["lost_administrative"]),
    ("pauses", [row(0, 70, cause="replaced"), row(70, None, "paused")], ["paused"]),
    ("pauses and resumes in the month", [row(0, 70, cause="replaced"), row(70, 80, "paused", cause="replaced"), row(80, None)], []),
    ("resumes", [row(0, 50, cause="replaced"), row(50, 70, "paused", cause="replaced"), row(70, None)], ["resumed"]),
    ("pauses, then leaves", [row(0, 65, cause="replaced"), row(65, 70, "paused", cause="reader")], ["lost_voluntary"]),
    ("leaves out of an older pause", [row(0, 50, cause="replaced"), row(50, 70, "paused", cause="reader")], ["lost_from_pause"]),
    ("a pause without an end is a loss after 90 days", [row(-40, -20, cause="replaced"), row(-20, None, "paused")], ["lost_from_pause"]),
    ("a pause with an end named in advance is not", [row(-40, -20, cause="replaced"), row(-20, 100, "paused", learnt=-20)], []),
    ("joins and pauses", [row(61, 70, cause="replaced"), row(70, None, "paused")], ["in_and_out", "paused_on_arrival"]),
    ("comes and goes", [row(61, 70, cause="reader")], ["in_and_out"]),
    ("two subscriptions, one ends: money moves, nobody leaves", [row(0, 70, cause="duplicate"), row(0, None, source="sub_2")], ["stayed"]),
    ("late end of the old one after coming back", [row(0, 70, cause="payment"), row(65, None, source="sub_2")], []),
    ("changes plan the same day", [row(0, 70, cause="replaced"), row(70, None, mrr_720=1000 * 720)], ["stayed"]),
    ("trial only", [row(60, None, "trial", klass="trial")], []),
    ("trial turns into a paid month", [row(50, 64, "trial", klass="trial", cause="replaced"), row(64, None)], ["new"]),
    ("gift, seat and nothing paid", [row(60, None, klass="gift"), row(60, None, klass="seat"), row(60, None, mrr_720=0)], []),
]


@pytest.mark.parametrize(("rows", "expected"), [case[1:] for case in TABLE], ids=[case[0] for case in TABLE])
def test_what_a_person_did_in_march(rows, expected):
    assert [move.kind for move in march(*rows)] == expected


def test_recovered_late_within_thirty_days_of_a_failed_payment_only():
    def back_after(days, cause):
        (move,) = march(row(0, 50, cause=cause), row(50 + days, None, source="sub_2"))
        return move.recovered_late

    assert back_after(30, "payment")
    assert back_after(10, "payment")
    assert not back_after(30.5, "payment")
    assert not back_after(20, "reader")


@given(people())
@settings(max_examples=300, deadline=None)
def test_flow_and_bridge_identities_hold_in_every_month_and_currency(found):
    histories = {who: history_of(rows) for who, rows in found.items()}
    every = [move for history in histories.values() for move in moves(history, BOUNDS)]
    for n, (flow, bridges) in enumerate(zip(count_moves(every, len(MONTHS)), bridge_moves(every, len(MONTHS)), strict=True)):
        a, b = BOUNDS[n], BOUNDS[n + 1]
        flow.opening, flow.closing = len(oracle.members(found, a)), len(oracle.members(found, b))
        flow.paused_opening, flow.paused_closing = len(oracle.paused(found, a)), len(oracle.paused(found, b))
        assert flow.difference == 0
        assert flow.paused_difference == 0
        opening, closing = oracle.mrr(found, a), oracle.mrr(found, b)
        assert all(opening[currency] == closing[currency] for currency in (opening.keys() | closing.keys()) - bridges.keys())
        for currency, bridge in bridges.items():
            bridge.opening, bridge.closing = opening[currency], closing[currency]
            assert bridge.difference == 0
            assert bridge.printed().difference == 0
            assert abs(bridge.printed().closing * 720 - bridge.closing) <= 360


@given(people())
@settings(max_examples=300, deadline=None)
def test_equals_the_slow_oracle(found):
    every = [move for rows in found.values() for move in moves(history_of(rows), BOUNDS)]
    for n in range(len(MONTHS)):
        a, b = BOUNDS[n], BOUNDS[n + 1]
        expected = oracle.kinds(found, a, b)
        mine = {kind: {move.account_id for move in every if move.month == n and move.kind == kind} for kind in Kind}
        assert set().union(*(mine[kind] for kind in LOST)) == expected.pop("lost")
        assert {kind: mine[kind] for kind in expected} == expected
        steps = bridge_moves([move for move in every if move.month == n], len(MONTHS))[n]
        flat = {(step, currency): amount for currency, bridge in steps.items() for step, amount in bridge.steps.items()}
        for currency in steps:
            flat["churn", currency] = sum(flat.pop((step, currency)) for step in STEPS if step.startswith("churn"))
        assert {key: amount for key, amount in flat.items() if amount} == oracle.bridge(found, a, b)


@given(people(), st.sampled_from(["Pacific/Kiritimati", "Etc/GMT+12", "America/New_York", "Australia/Lord_Howe"]))
@settings(max_examples=100, deadline=None)
def test_another_zone_moves_only_what_happened_near_a_boundary(found, name):
    other = boundaries(MONTHS, ZoneInfo(name), day(2000))
    for rows in found.values():
        history = history_of(rows)
        for here, there in zip(BOUNDS, other, strict=True):
            near = sorted([here, there])
            quiet = not any(near[0] <= t <= near[1] for r in history for t in (r.effective_at, r.until) if t)
            if quiet:
                assert mrr_at(history, here) == mrr_at(history, there)
                assert is_paused(history, here) == is_paused(history, there)


def test_nobody_one_person_and_all_gone():
    assert count_moves([], 1)[0].difference == 0
    flow = count_moves(march(row(0, 70, cause="reader")), 1)[0]
    flow.opening, flow.closing = 1, 0
    assert (flow.lost, flow.net, flow.difference) == (1, -1, 0)


def test_an_import_with_true_starts_brings_nobody_new_and_loses_nobody():
    imported = [row(-300 - n, None, who=f"reader-{n}") for n in range(5)]
    assert not [move for one in imported for move in moves(history_of([one]), BOUNDS)]


@given(people(most=2))
@settings(max_examples=60, deadline=None)
def test_order_of_rows_does_not_matter(found):
    for rows in found.values():
        assert list(moves(history_of(rows), BOUNDS)) == list(moves(history_of(rows[::-1]), BOUNDS))


def test_member_and_paused_are_never_both():
    rows = history_of([row(0, None), row(0, None, "paused", source="sub_2")])
    assert is_member(rows, day(1))
    assert not is_paused(rows, day(1))
    assert is_member(rows, day(1) + timedelta(days=400))
