"""Standing is a function of a set: nothing about order, repetition or lateness of messages can change it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from kit.database import db
from membership import jobs, memberships
from membership.domain import standing
from membership.domain.standing import Snapshot, derive
from membership.models import Membership
from tests import factories
from tests.membership.snapshots import GRACE, at, instants, snapshot, snapshots

sets = st.lists(snapshots(), max_size=8)
MOMENT = timedelta(seconds=1)


@given(sets, st.randoms(), st.integers(1, 3))
def test_order_and_repetition_do_not_matter(found: list[Snapshot], random: Any, times: int) -> None:
    shuffled = found * times
    random.shuffle(shuffled)
    assert derive(shuffled, GRACE) == derive(found, GRACE)


@given(sets)
def test_only_one_snapshot_of_each_source_counts(found: list[Snapshot]) -> None:
    kept = standing.newest(found)
    assert len({(one.kind, one.source_id) for one in kept}) == len(kept)
    assert derive(kept, GRACE) == derive(found, GRACE)
    for one in kept:
        others = [other for other in found if (other.kind, other.source_id) == (one.kind, one.source_id)]
        terminal = [other for other in others if other.status in standing.TERMINAL]
        assert one.observed_at == max(other.observed_at for other in terminal or others)


@given(sets, sets)
def test_taking_them_in_by_parts_is_taking_them_in_at_once(first: list[Snapshot], second: list[Snapshot]) -> None:
    """What is stored after each delivery is the newest of each source; the rest can be forgotten."""
    assert standing.newest([*standing.newest(first), *second]) == standing.newest([*first, *second])


@given(sets, instants, st.integers(0, 60).map(at))
def test_the_end_of_one_source_never_takes_what_another_gives(found: list[Snapshot], when: Any, ended: Any) -> None:
    """She cancels, comes back, and the deletion of the old Subscription arrives late."""
    others = [one for one in found if one.source_id != "subscription_9"]
    old = snapshot(source_id="subscription_9", status="canceled", ended_at=ended, observed_at=at(99))
    if standing.is_entitled(derive(others, GRACE), when):
        assert standing.is_entitled(derive([*others, old], GRACE), when)


@given(sets, instants)
def test_nobody_reads_beyond_what_is_paid_and_the_grace(found: list[Snapshot], when: Any) -> None:
    if standing.is_entitled(derive(found, GRACE), when):
        assert any(one.paid_until and when < one.paid_until + GRACE and one.status in standing.OPENING for one in standing.newest(found))


@given(sets, instants)
def test_the_predicates_agree_with_each_other(found: list[Snapshot], when: Any) -> None:
    state = derive(found, GRACE)
    open_now, until = standing.is_entitled(state, when), standing.access_until(state, when)
    assert (until is not None) == open_now
    if until is not None:
        assert until > when
        assert standing.is_entitled(state, until - timedelta(microseconds=1))
        assert not standing.is_entitled(state, until)
    if standing.on_grace_period(state, when) or standing.is_ending(state, when):
        assert open_now
    assert (standing.status(state, when) in ("active", "trialing", "past_due", "ending")) == open_now


@pytest.mark.parametrize(
    ("values", "day", "word", "entitled"),
    [
        ({}, 10, "active", True),
        ({}, 29.9, "active", True),
        ({}, 30, "active", True),  # the renewal's webhook may be late
        ({}, 36.9, "active", True),
        ({}, 37, "lapsed", False),
        ({"status": "trialing"}, 10, "trialing", True),
        ({"status": "past_due"}, 33, "past_due", True),
        ({"status": "past_due"}, 37, "lapsed", False),
        ({"ends_at": at(30)}, 10, "ending", True),
        ({"ends_at": at(30)}, 30, "lapsed", False),  # to the second, without grace
        ({"status": "canceled", "ended_at": at(12)}, 13, "lapsed", False),
        ({"status": "paused"}, 10, "paused", False),
        ({"status": "unpaid"}, 10, "lapsed", False),
        ({"status": "incomplete"}, 10, "none", False),
        ({"status": "incomplete_expired"}, 10, "none", False),
        ({"status": "something-new"}, 10, "lapsed", False),  # an unknown word opens nothing
        ({"paid_until": None}, 10, "lapsed", False),
        ({"kind": "gift", "started_at": at(20)}, 10, "none", False),
        ({"started_at": at(20), "observed_at": at(9)}, 10, "active", True),  # seen in force: Stripe's clock is ahead of ours
        ({"kind": "grant", "ends_at": at(30), "mrr_720": 0}, 10, "active", True),
        ({"kind": "grant", "ends_at": at(30), "mrr_720": 0}, 30, "lapsed", False),
    ],
)
def test_one_source(values: dict[str, Any], day: float, word: str, entitled: bool) -> None:
    state = derive([snapshot(**values)], GRACE)
    assert (standing.status(state, at(day)), standing.is_entitled(state, at(day))) == (word, entitled)


def test_canceled_and_come_back() -> None:
    old = snapshot(source_id="sub_old", status="canceled", ended_at=at(5), observed_at=at(20))
    new = snapshot(source_id="sub_new", started_at=at(4), observed_at=at(4), paid_until=at(34))
    for order in ([old, new], [new, old]):
        assert standing.status(derive(order, GRACE), at(21)) == "active"


def test_a_gift_after_a_subscription_carries_on_without_a_gap() -> None:
    paid = snapshot(ends_at=at(30))
    gift = snapshot(kind="gift", source_id="gift_1", started_at=at(30), paid_until=at(60), ends_at=at(60), mrr_720=0)
    state = derive([paid, gift], GRACE)
    assert standing.access_until(state, at(10)) == at(60)
    assert not standing.is_ending(state, at(10))
    assert standing.is_entitled(state, at(30))
    assert standing.is_ending(state, at(59))


@hypothesis_settings(max_examples=40)
@given(st.lists(snapshots(sources=2), min_size=1, max_size=5), st.integers(0, 60).map(at))
def test_the_small_row_agrees_with_the_set_at_every_instant(app: Any, found: list[Snapshot], now: Any) -> None:
    """The gate reads one row, derived at ``now``: it must say what the set says at every instant until it is due again."""
    with time_machine.travel(now, tick=False):
        account = factories.make_account()
        found = [replace(one, source_id=f"{one.source_id}_of_{account.id}") for one in found]  # the database outlives an example
        for one in found:
            memberships.follow(account.id, one)
        db.session.commit()
        row, state = db.session.get_one(Membership, account.id), memberships.standing_of(account.id)
    assert state == derive(found, GRACE)
    due = row.renew_at or at(200)
    edges = {now, due, *(w.start for w in state.windows), *(w.end for w in state.windows)}
    for when in sorted({edge + near for edge in edges for near in (-MOMENT, timedelta(), MOMENT)}):
        if now <= when < due:
            assert memberships.is_entitled(row, when) == standing.is_entitled(state, when), when


def test_a_source_that_waits_opens_the_gate_when_its_time_comes(make_account: Any) -> None:
    """A paid month, a gap, then a gift: the row is derived anew at ``renew_at``."""
    with time_machine.travel(at(1), tick=False) as now:
        account = make_account()
        memberships.follow(account.id, snapshot(ends_at=at(10), paid_until=at(10)))
        memberships.follow(
            account.id, snapshot(kind="gift", source_id="gift_1", started_at=at(20), paid_until=at(50), ends_at=at(50), mrr_720=0)
        )
        db.session.commit()
        for day, entitled in ((5, True), (11, False), (19, False), (20, True), (49, True), (50, False)):
            now.move_to(at(day))
            jobs.renew()
            row = db.session.get_one(Membership, account.id)
            due = at(10) if day < 10 else at(20) if day < 20 else None
            assert (memberships.is_entitled(row, at(day)), row.renew_at) == (entitled, due), day


def test_after_a_gap_the_gate_opens_to_the_second_though_no_job_runs_at_that_moment(make_account: Any) -> None:
    """The row holds one stretch of access: when it is over, the job puts the next one in before that begins."""
    with time_machine.travel(at(1), tick=False) as now:
        account = make_account()
        for name, start in (("gift_1", 20), ("gift_2", 25), ("gift_3", 60)):
            gift = {"kind": "gift", "mrr_720": 0, "started_at": at(start), "paid_until": at(start + 10), "ends_at": at(start + 10)}
            memberships.follow(account.id, snapshot(source_id=name, **gift))
        memberships.follow(account.id, snapshot(ends_at=at(10), paid_until=at(10)))
        db.session.commit()
        state = memberships.standing_of(account.id)
        # The worker comes by some minutes after something began or ended; then the row must do until it comes again.
        for day, until_it_comes_again in (
            (5, (9.99, 10)),
            (10.003, (19.99, 20)),
            (20.003, (24.99, 25)),
            (25.003, (34.99, 35)),
            (35.003, (59.99, 60)),
        ):
            now.move_to(at(day))
            assert len(memberships.due(limit=9)) == (day != 5)
            jobs.renew()
            row = db.session.get_one(Membership, account.id)
            for when in until_it_comes_again:
                assert memberships.is_entitled(row, at(when)) == standing.is_entitled(state, at(when)), (day, when)


@pytest.mark.parametrize(
    ("windows", "now", "due"),
    [
        ([], 5, None),
        ([(0, 10)], 5, None),
        ([(0, 10)], 15, None),
        ([(20, 30)], 5, 20),
        ([(0, 10), (20, 30)], 5, 10),
        ([(0, 10), (20, 30)], 10, 20),
        ([(0, 10), (8, 30)], 5, 8),
        ([(0, 10), (10, 30)], 5, 10),
        ([(0, 10), (8, 30)], 9, None),
        ([(0, 10), (8, 30), (40, 50)], 9, 30),
    ],
)
def test_when_the_row_must_be_derived_anew(windows: list[tuple[int, int]], now: int, due: int | None) -> None:
    found = [
        snapshot(kind="grant", source_id=f"grant_{n}", started_at=at(start), paid_until=at(end), ends_at=at(end))
        for n, (start, end) in enumerate(windows)
    ]
    assert standing.row_holds_until(derive(found, GRACE), at(now)) == (None if due is None else at(due))
