"""The history of a source: whatever arrives, its rows never overlap, are never empty, and are never written over."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from membership.domain import intervals, standing
from membership.domain.intervals import Change, Interval
from membership.domain.standing import Snapshot
from tests.membership.snapshots import GRACE, at, days, snapshot


def apply(history: list[Interval], change: Change, number: int = 0) -> list[Interval]:
    """The rows in force after a change, as memberships._write_intervals writes it."""
    ended = {row.row_id: row for row in change.end}
    gone = {row.row_id for row in change.supersede}
    kept = [ended.get(row.row_id, row) for row in history if row.row_id not in gone]
    added = [replace(row, row_id=1000 * (number + 1) + index) for index, row in enumerate(change.add)]
    return sorted([*kept, *added], key=lambda row: (row.effective_at, row.row_id or 0))


def lived(*looks: Snapshot) -> list[Interval]:
    """The history after these looks at one source, in the order in which they count."""
    history: list[Interval] = []
    for number, look in enumerate(looks):
        history = apply(history, intervals.follow(history, look, GRACE), number)
    return history


def plainly(history: list[Interval]) -> list[tuple[Any, ...]]:
    """(day from, day until, state, cause) of each row."""

    def day(instant: Any) -> Any:
        return None if instant is None else (instant - at(0)) / timedelta(days=1)

    return [(day(row.effective_at), day(row.until), row.state, row.end_cause) for row in history]


@st.composite
def lives(draw: st.DrawFn) -> list[Snapshot]:
    """Looks at one Subscription as time passes: each later than the one before, the last perhaps its end."""
    looks, seen = [], sorted(draw(st.lists(st.integers(0, 60), min_size=1, max_size=7)))
    for when in seen:
        status = draw(st.sampled_from(["trialing", "active", "active", "past_due", "paused"]))
        looks.append(
            snapshot(
                status=status,
                observed_at=at(when),
                changed_at=draw(st.none() | st.integers(0, when).map(at)),
                paid_until=draw(days),
                ends_at=draw(st.none() | days),
                notice_at=draw(st.none() | days),
                mrr_720=draw(st.sampled_from([0, 360_000, 720_000])),
            )
        )
    if draw(st.booleans()):
        last = seen[-1]
        looks.append(snapshot(status="canceled", observed_at=at(61), ended_at=at(draw(st.integers(0, last + 1))), end_cause="payment"))
    return looks


@given(lives())
def test_rows_of_a_source_never_overlap_and_are_never_empty(looks: list[Snapshot]) -> None:
    history = lived(*looks)
    for row in history:
        assert row.until is None or row.until > row.effective_at
    for before, after in pairwise(history):
        assert before.until is not None, "only the last row may be open"
        assert before.until <= after.effective_at


@given(lives())
def test_looking_again_changes_nothing(looks: list[Snapshot]) -> None:
    history = lived(*looks)
    assert intervals.follow(history, looks[-1], GRACE) == Change()


@given(lives())
def test_an_ended_source_has_an_ended_history(looks: list[Snapshot]) -> None:
    history = lived(*looks)
    if looks[-1].ended_at is not None:
        assert all(row.until is not None and row.until <= max(looks[-1].ended_at, row.effective_at) for row in history)


@given(lives())
def test_a_change_names_only_rows_that_there_are(looks: list[Snapshot]) -> None:
    history: list[Interval] = []
    for number, look in enumerate(looks):
        change = intervals.follow(history, look, GRACE)
        known = {row.row_id for row in history}
        assert {row.row_id for row in (*change.end, *change.supersede)} <= known
        assert not {row.row_id for row in change.end} & {row.row_id for row in change.supersede}
        history = apply(history, change, number)


@given(lives())
def test_a_history_has_no_gap_but_after_an_end(looks: list[Snapshot]) -> None:
    for before, after in pairwise(lived(*looks)):
        if before.until is not None and before.until < after.effective_at:
            assert before.end_cause in ("payment", "reader", "staff"), "a gap follows an end, never a replacement"


def test_a_plain_life_trial_month_cancel_end() -> None:
    history = lived(
        snapshot(status="trialing", paid_until=at(7)),
        snapshot(status="active", changed_at=at(7), observed_at=at(7), paid_until=at(37)),
        snapshot(status="active", changed_at=at(20), observed_at=at(20), paid_until=at(37), ends_at=at(37), notice_at=at(20)),
        snapshot(status="canceled", observed_at=at(37), ended_at=at(37), end_cause="reader"),
    )
    assert plainly(history) == [(0, 7, "trial", "replaced"), (7, 20, "active", "replaced"), (20, 37, "ending", "reader")]
    assert history[-1].notice_at == at(20)


def test_an_undone_cancellation_leaves_the_notice_in_the_past() -> None:
    history = lived(
        snapshot(),
        snapshot(changed_at=at(10), observed_at=at(10), ends_at=at(30), notice_at=at(10)),
        snapshot(changed_at=at(12), observed_at=at(12)),
    )
    assert plainly(history) == [(0, 10, "active", "replaced"), (10, 12, "ending", "replaced"), (12, None, "active", None)]


def test_a_failed_payment_ends_with_its_grace() -> None:
    history = lived(snapshot(), snapshot(status="past_due", changed_at=at(30), observed_at=at(30), paid_until=at(30)))
    assert plainly(history) == [(0, 30, "active", "replaced"), (30, 37, "past_due", "payment")]


def test_a_terminal_event_after_the_grace_does_not_prolong_it() -> None:
    history = lived(
        snapshot(),
        snapshot(status="past_due", changed_at=at(30), observed_at=at(30), paid_until=at(30)),
        snapshot(status="canceled", observed_at=at(50), ended_at=at(50), end_cause="payment"),
    )
    assert plainly(history)[-1] == (30, 37, "past_due", "payment")


@pytest.mark.parametrize(
    "gave_up",
    [
        snapshot(status="unpaid", observed_at=at(50), changed_at=at(50), end_cause="payment"),
        snapshot(status="canceled", observed_at=at(50), ended_at=at(50), end_cause="staff"),
        snapshot(status="canceled", observed_at=at(50), ended_at=at(50), end_cause="reader"),
    ],
    ids=["left unpaid", "tidied up by staff", "canceled through Stripe's API"],
)
def test_what_happens_after_the_grace_does_not_change_why_she_was_lost(gave_up: Snapshot) -> None:
    history = lived(
        snapshot(),
        snapshot(status="past_due", changed_at=at(30), observed_at=at(30), paid_until=at(30)),
        replace(gave_up, paid_until=at(30)),
    )
    assert plainly(history)[-1] == (30, 37, "past_due", "payment")


@pytest.mark.parametrize(
    "late",
    [
        snapshot(observed_at=at(20), changed_at=at(15), ends_at=at(30), notice_at=at(15)),
        snapshot(observed_at=at(32), changed_at=at(30), status="past_due", paid_until=at(30)),
        snapshot(observed_at=at(20), changed_at=at(15), status="paused"),
    ],
    ids=["notice given", "past due", "paused"],
)
def test_looking_late_loses_nothing_of_the_time_before(late: Snapshot) -> None:
    assert plainly(lived(late)) == plainly(lived(snapshot(), late))


def test_a_payment_within_the_grace_leaves_no_gap() -> None:
    history = lived(
        snapshot(),
        snapshot(status="past_due", changed_at=at(30), observed_at=at(30), paid_until=at(30)),
        snapshot(changed_at=at(33), observed_at=at(33), paid_until=at(60)),
    )
    assert plainly(history) == [(0, 30, "active", "replaced"), (30, 33, "past_due", "replaced"), (33, None, "active", None)]


def test_a_payment_after_the_grace_leaves_a_gap() -> None:
    history = lived(
        snapshot(),
        snapshot(status="past_due", changed_at=at(30), observed_at=at(30), paid_until=at(30)),
        snapshot(changed_at=at(45), observed_at=at(45), paid_until=at(75)),
    )
    assert plainly(history) == [(0, 30, "active", "replaced"), (30, 37, "past_due", "payment"), (45, None, "active", None)]


def test_an_end_that_lies_before_what_we_believed_corrects_it() -> None:
    """We looked late: what we took for its present state began after it was to end."""
    history = lived(
        snapshot(status="trialing"),
        snapshot(status="active", changed_at=at(7), observed_at=at(7)),
        snapshot(status="active", changed_at=at(3), observed_at=at(9), ends_at=at(7), notice_at=at(3)),
    )
    assert plainly(history) == [(0, 3, "trial", "replaced"), (3, 7, "ending", "reader")]


def test_a_price_rise_is_another_row_and_the_old_one_stands() -> None:
    history = lived(snapshot(), snapshot(changed_at=at(10), observed_at=at(10), mrr_720=720_000))
    assert [(row.mrr_720, row.until) for row in history] == [(360_000, at(10)), (720_000, None)]


def test_notice_before_the_terminal_event_makes_the_loss_the_readers_own() -> None:
    history = lived(
        snapshot(),
        snapshot(changed_at=at(10), observed_at=at(10), ends_at=at(30), notice_at=at(10)),
        snapshot(status="canceled", observed_at=at(25), ended_at=at(25), end_cause="payment"),
    )
    assert history[-1].end_cause == "reader"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"status": "trialing"}, ("trial", "trial")),
        ({"status": "active"}, ("paying", "active")),
        ({"status": "active", "ends_at": at(30)}, ("paying", "ending")),
        ({"status": "past_due"}, ("paying", "past_due")),
        ({"status": "past_due", "ends_at": at(30)}, ("paying", "past_due")),
        ({"status": "paused"}, ("paying", "paused")),
        ({"status": "active", "mrr_720": 0}, ("comp", "active")),
        ({"kind": "grant", "mrr_720": 0, "ends_at": at(30)}, ("comp", "active")),
        ({"kind": "gift", "mrr_720": 0, "ends_at": at(30)}, ("gift", "active")),
        ({"kind": "group", "mrr_720": 0}, ("seat", "active")),
        ({"status": "canceled", "ended_at": at(3)}, None),
        ({"status": "unpaid"}, None),
        ({"status": "incomplete"}, None),
        ({"status": "incomplete_expired"}, None),
    ],
)
def test_class_and_state(values: dict[str, Any], expected: tuple[str, str] | None) -> None:
    assert intervals.state_of(snapshot(**values)) == expected


def test_what_never_began_has_no_history() -> None:
    assert lived(snapshot(status="incomplete"), snapshot(status="incomplete_expired", observed_at=at(1), ended_at=at(1))) == []
    assert standing.status(standing.derive([snapshot(status="incomplete")], GRACE), at(1)) == "none"
