"""Access kept for the days that the editor set, then closed to the second; and what a change of the number does."""

from datetime import timedelta
from typing import Any

import time_machine
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event, select

from kit import clock
from kit.database import db
from membership import memberships
from membership.domain import standing
from membership.domain.grace import Grace
from membership.models import GraceTerm, Membership, MembershipInterval
from tests.membership.snapshots import at, snapshot

SECOND = timedelta(seconds=1)
lengths = st.integers(0, 60).map(lambda days: timedelta(days=days))
histories = st.lists(st.tuples(st.integers(0, 120 * 24).map(lambda h: at(0) + timedelta(hours=h)), lengths), max_size=5).map(
    lambda rows: tuple(sorted(rows, key=lambda row: row[0]))
)


def test_a_grace_that_never_changed_is_a_length() -> None:
    assert Grace(timedelta(days=7)).ends(at(30)) == at(37)


@given(first=lengths, changes=histories, paid=st.integers(0, 100), offset=st.sampled_from([-SECOND, timedelta(0), SECOND]))
def test_open_until_the_grace_ends_and_shut_from_that_second(first: timedelta, changes: Any, paid: int, offset: timedelta) -> None:
    grace = Grace(first, changes)
    end = grace.ends(at(paid))
    found = standing.derive([snapshot(status="past_due", started_at=at(-1), observed_at=at(-1), paid_until=at(paid))], grace)
    assert standing.is_entitled(found, end + offset) == (offset < timedelta(0)) or end == at(-1)


@given(first=lengths, changes=histories, paid=st.integers(0, 100).map(at))
def test_a_change_never_rewrites_what_was(first: timedelta, changes: Any, paid: Any) -> None:
    """What was true just before a change stays true of the time before it, whatever is decided afterwards."""
    for known in range(len(changes)):
        since, length = changes[known]
        before, after = Grace(first, changes[:known]).ends(paid), Grace(first, changes[: known + 1]).ends(paid)
        assert after >= min(before, since), "nobody loses time that has passed"
        if paid + length <= since:
            assert after == min(before, since), "whom the new number no longer reaches is shut out now, or was before"


@given(first=lengths, changes=histories, paid=st.integers(0, 200).map(at))
def test_nobody_loses_what_is_paid(first: timedelta, changes: Any, paid: Any) -> None:
    assert Grace(first, changes).ends(paid) >= paid


def test_the_newest_number_counts_for_what_is_not_decided_yet() -> None:
    grace = Grace(timedelta(days=7), ((at(10), timedelta(days=3)), (at(20), timedelta(days=14))))
    assert (grace.ends(at(1)), grace.ends(at(5)), grace.ends(at(9)), grace.ends(at(30))) == (
        at(8),
        at(10),
        at(23),
        at(44),
    )


def set_days(browser: Any, drain: Any, days: object) -> Any:
    browser.get("/admin/grace/")
    page = browser.submit("/admin/grace/", days=str(days))
    drain()
    return page


def test_the_editor_sets_it_and_every_membership_follows(visit: Any, staff: Any, member: Any, drain: Any) -> None:
    now = clock.now()
    with time_machine.travel(now, tick=False) as traveller:
        failing = member(
            status="past_due", paid_until=now - timedelta(days=5), started_at=now - timedelta(days=35), changed_at=now - timedelta(days=5)
        )
        paying = member()
        failing_id, paying_id = failing.id, paying.id
        editor = staff("editor")
        assert set_days(visit(editor), drain, 3).status == 303
        assert not memberships.is_entitled(db.session.get(Membership, failing_id), now), "three days were over: shut from now on"
        assert db.session.get(Membership, paying_id).access_until == now + timedelta(days=33)
        interval = db.session.scalars(
            select(MembershipInterval).where(MembershipInterval.account_id == failing_id).order_by(MembershipInterval.id)
        ).all()[-1]
        assert (interval.until, interval.end_cause) == (now, "payment")
        traveller.shift(timedelta(hours=1))
        set_days(visit(editor), drain, 14)
        db.session.rollback()
        assert db.session.get(Membership, failing_id).access_until == now + timedelta(days=9), "the longer number reaches her again"
        assert [(row.days, row.set_by) for row in db.session.scalars(select(GraceTerm).order_by(GraceTerm.id))] == [
            (3, "editor@desk.example"),
            (14, "editor@desk.example"),
        ]
        assert "editor@desk.example" in visit(editor).get("/admin/grace/").text


def test_odd_numbers_are_refused_and_kept(visit: Any, staff: Any, drain: Any) -> None:
    browser = visit(staff("editor"))
    for typed in ("61", "-1", "a week"):
        page = set_days(browser, drain, typed)
        assert (page.status, "days" in page.errors()) == (422, True)
        assert page.form("/admin/grace/").fields["days"] == typed
    assert set_days(browser, drain, 7).status == 303, "what counts already"
    assert db.session.scalars(select(GraceTerm)).all() == []


def test_support_does_not_decide_it(visit: Any, staff: Any) -> None:
    assert visit(staff("support")).get("/admin/grace/").status == 403


def test_a_page_of_readers_asks_for_the_grace_once(app: Any, make_account: Any) -> None:
    ids = [make_account().id for _ in range(5)]
    db.session.rollback()
    asked: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        asked.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        assert set(memberships.standings_of(ids)) == set(ids)
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    assert len([statement for statement in asked if "grace_term" in statement]) == 1
