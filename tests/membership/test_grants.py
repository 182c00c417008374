"""Complimentary access: until when and why, another end, revoked; and what the reader sees of it."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import select

from kit import clock
from kit.database import db
from membership import grants, memberships, people
from membership.models import Grant, Membership, MembershipInterval

NOTE = "our printer"


@pytest.fixture
def given(make_account: Any) -> Any:
    """``given(days=30)``: (the reader's id, her grant's id)."""

    def give(days: int = 30, **values: Any) -> tuple[int, int]:
        account = make_account()
        last = people.end_of_day((clock.now() + timedelta(days=days)).date())
        row = grants.grant(account, last, NOTE, "desk@paper.example", **values)
        db.session.commit()
        return account.id, row.id

    return give


def until_of(account_id: int) -> Any:
    db.session.rollback()
    row = db.session.get(Membership, account_id)
    return row.access_until if row else None


def history(account_id: int) -> list[tuple[str, Any, str | None]]:
    db.session.rollback()
    mine = select(MembershipInterval).where(MembershipInterval.account_id == account_id, MembershipInterval.superseded_at.is_(None))
    return [(row.klass, row.until, row.end_cause) for row in db.session.scalars(mine.order_by(MembershipInterval.effective_at))]


def test_a_grant_ends_by_itself_to_the_second(given: Any) -> None:
    account_id, grant_id = given()
    until = db.session.get_one(Grant, grant_id).until
    for moment, reads in ((until - timedelta(seconds=1), True), (until, False)):
        assert memberships.is_entitled(db.session.get(Membership, account_id), moment) is reads
    assert history(account_id) == [("comp", until, "staff")]


@pytest.mark.parametrize("days", [90, 10])
def test_another_end_later_or_earlier_is_one_piece_of_history(days: int, given: Any, visit: Any, staff: Any) -> None:
    account_id, grant_id = given()
    last = (clock.now() + timedelta(days=days)).date()
    desk = visit(staff("support"))
    page = desk.get(f"/admin/grants/{grant_id}")
    assert NOTE in page.text
    assert desk.submit(f"/admin/grants/{grant_id}", until=last.isoformat()).status == 303
    assert until_of(account_id) == people.end_of_day(last)
    assert history(account_id) == [("comp", people.end_of_day(last), "staff")]


FOR_EVER = ["9999-12-31", "3000-01-01"]


@pytest.mark.parametrize("typed", ["", "2020-01-01", "soon", *FOR_EVER])
def test_an_end_that_makes_no_sense_is_refused_at_its_field(typed: str, given: Any, visit: Any, staff: Any) -> None:
    account_id, grant_id = given()
    before = until_of(account_id)
    desk = visit(staff("support"))
    desk.get(f"/admin/grants/{grant_id}")
    page = desk.submit(f"/admin/grants/{grant_id}", until=typed)
    assert (page.status, page.errors().keys()) == (422, {"until"})
    assert until_of(account_id) == before


@pytest.mark.parametrize("typed", ["", "2020-01-01", "soon", *FOR_EVER])
def test_nor_is_one_given_with_such_an_end(typed: str, make_account: Any, visit: Any, staff: Any) -> None:
    account, desk = make_account(), visit(staff("support"))
    account_id, path = account.id, f"/admin/members/{account.public_id}"
    desk.get(path)
    page = desk.submit(f"{path}/grants", until=typed, note=NOTE)
    assert (page.status, page.errors().keys()) == (422, {"until"})
    assert page.form(f"{path}/grants").fields["note"] == NOTE
    assert until_of(account_id) is None


def test_the_furthest_end_is_far_west_of_greenwich_too(
    app: Any, make_account: Any, visit: Any, staff: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.config, "TIMEZONE", "America/Los_Angeles")
    account, desk = make_account(), visit(staff("support"))
    account_id, path = account.id, f"/admin/members/{account.public_id}"
    for typed, status in (("9999-12-31", 422), ("2999-12-31", 303)):
        desk.get(path)
        assert desk.submit(f"{path}/grants", until=typed, note=NOTE).status == status
    assert until_of(account_id) == people.end_of_day(grants.FURTHEST)
    assert "2999" in desk.get(path).text


def test_what_is_over_is_not_extended(given: Any) -> None:
    _account, grant_id = given()
    row = db.session.get_one(Grant, grant_id)
    with time_machine.travel(row.until, tick=False), pytest.raises(grants.GrantRefused, match="run out"):
        grants.extend(row, row.until + timedelta(days=1))
    grants.revoke(row)
    with pytest.raises(grants.GrantRefused, match="revoked"):
        grants.extend(row, row.until + timedelta(days=1))


def test_the_reader_is_written_to_when_staff_wants_it_and_never_sees_the_note(given: Any, visit: Any, staff: Any, outbox: Any) -> None:
    account_id, grant_id = given()
    assert outbox() == []
    desk = visit(staff("support"))
    desk.get(f"/admin/grants/{grant_id}")
    desk.submit(f"/admin/grants/{grant_id}", until=(clock.now() + timedelta(days=60)).date().isoformat(), tell="y")
    (letter,) = outbox()
    assert "we invite you to read everything until" in letter.text
    from membership.models import Account

    page = visit(db.session.get(Account, account_id)).get("/account/")
    assert "We invited you to read everything." in page.text
    assert NOTE not in page.html + letter.text + (letter.html or "")


def test_the_list_shows_who_reads_for_free_the_first_to_end_on_top(given: Any, visit: Any, staff: Any) -> None:
    later, sooner, gone = given(60), given(20), given(40)
    grants.revoke(db.session.get_one(Grant, gone[1]))
    db.session.commit()
    desk = visit(staff("finance"))
    rows = [link for link in desk.get("/admin/grants/").links() if link.startswith("/admin/members/") and len(link) > 40]
    from membership.models import Account

    ids = [db.session.get_one(Account, one).public_id for one in (sooner[0], later[0])]
    assert rows == [f"/admin/members/{public_id}" for public_id in ids]
    assert len([link for link in desk.get("/admin/grants/?all=1").links() if link.startswith("/admin/members/") and len(link) > 40]) == 3


@pytest.mark.parametrize(
    ("role", "sees", "changes"), [("owner", 200, 200), ("support", 200, 200), ("finance", 200, 403), ("editor", 403, 403)]
)
def test_who_sees_grants_and_who_changes_them(role: str, sees: int, changes: int, given: Any, visit: Any, staff: Any) -> None:
    _account, grant_id = given()
    desk = visit(staff(role))
    assert desk.get("/admin/grants/").status == sees
    assert desk.get(f"/admin/grants/{grant_id}").status == changes
    assert desk.get("/admin/grants/999999").status == (404 if changes == 200 else 403)


def test_the_command_gives_and_may_write(app: Any, outbox: Any) -> None:
    runner = app.test_cli_runner()
    last = (clock.now() + timedelta(days=30)).date().isoformat()
    done = runner.invoke(args=["members", "grant", "new@reader.example", "--until", last, "--note", NOTE, "--mail"])
    assert (done.exit_code, last in done.output) == (0, True)
    (letter,) = outbox()
    assert letter.recipient == "new@reader.example"
    quiet = runner.invoke(args=["members", "grant", "other@reader.example", "--until", last, "--note", NOTE])
    assert (quiet.exit_code, len(outbox())) == (0, 1)
    assert runner.invoke(args=["members", "grant", "x@reader.example", "--until", "2020-01-01", "--note", NOTE]).exit_code == 2
