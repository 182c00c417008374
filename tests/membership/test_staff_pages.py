"""Staff find a reader, see where she stands, give and revoke; each role opens its own doors only."""

from datetime import timedelta
from typing import Any

import pytest

from kit import clock
from kit.database import db
from membership import sessions
from membership.models import Account, Grant


def test_the_newsroom_opens_for_every_role_and_for_no_reader(visit: Any, staff: Any, make_account: Any) -> None:
    for role in ("owner", "editor", "finance", "support"):
        assert visit(staff(role)).get("/admin/").status == 200
    assert visit(make_account()).get("/admin/").status == 404
    assert visit().get("/admin/").location == "/account/sign-in?next=/admin/"


@pytest.mark.parametrize(
    ("role", "sees", "gives"), [("owner", 200, 303), ("support", 200, 303), ("finance", 200, 403), ("editor", 403, 403)]
)
def test_who_sees_readers_and_who_gives(role: str, sees: int, gives: int, visit: Any, staff: Any, make_account: Any) -> None:
    ann, desk = make_account("ann@reader.example"), visit(staff(role))
    until = (clock.now() + timedelta(days=40)).date().isoformat()
    assert desk.get("/admin/members/").status == sees
    assert desk.get(f"/admin/members/{ann.public_id}").status == sees
    assert desk.post(f"/admin/members/{ann.public_id}/grants", {"until": until, "note": "the printer"}).status == gives


def test_search_finds_by_part_of_address_or_name_and_takes_percent_signs_literally(visit: Any, staff: Any, make_account: Any) -> None:
    make_account("ann@reader.example", name="Ann Lee")
    make_account("bo@reader.example", name="Bo Ek")
    desk = visit(staff("support"))
    assert "bo@reader.example" not in desk.get("/admin/members/?q=ann").text
    assert "bo@reader.example" in desk.get("/admin/members/?q=EK").text
    assert "Nobody matches" in desk.get("/admin/members/?q=%25%25").text
    assert desk.get("/admin/members/?q=%00&page=99999999999999999999").status == 200


def test_a_grant_opens_the_gate_at_once_and_revoking_shuts_it(visit: Any, staff: Any, make_account: Any) -> None:
    ann, desk = make_account("ann@reader.example"), visit(staff("support"))
    reader = visit(ann)
    desk.get(f"/admin/members/{ann.public_id}")
    until = (clock.now() + timedelta(days=40)).date().isoformat()
    assert desk.submit(f"/admin/members/{ann.public_id}/grants", until=until, note="the printer's sister").status == 303
    me = reader.get("/api/v1/me").response.json
    assert (me["membership"]["status"], me["membership"]["source"], me["membership"]["entitled"]) == ("active", "grant", True)
    page = desk.get(f"/admin/members/{ann.public_id}")
    assert "support@desk.example" in page.text
    assert desk.submit(page.form(f"/admin/members/{ann.public_id}/grants/").action).status == 303
    assert reader.get("/api/v1/me").response.json["membership"]["entitled"] is False


@pytest.mark.parametrize(
    ("until", "note", "field"),
    [("", "why", "until"), ("someday", "why", "until"), ("2020-01-01", "why", "until"), ("2999-01-01", "", "note")],
)
def test_a_grant_that_makes_no_sense_is_refused_at_its_field(
    until: str, note: str, field: str, visit: Any, staff: Any, make_account: Any
) -> None:
    ann, desk = make_account("ann@reader.example"), visit(staff("support"))
    desk.get(f"/admin/members/{ann.public_id}")
    page = desk.submit(f"/admin/members/{ann.public_id}/grants", until=until, note=note)
    assert page.status == 422
    assert field in page.errors()
    assert db.session.query(Grant).count() == 0


def test_a_grant_of_one_reader_is_not_revoked_under_the_name_of_another(visit: Any, staff: Any, make_account: Any) -> None:
    ann, bo, desk = make_account("ann@reader.example"), make_account("bo@reader.example"), visit(staff("support"))
    until = (clock.now() + timedelta(days=40)).date().isoformat()
    desk.post(f"/admin/members/{ann.public_id}/grants", {"until": until, "note": "x"})
    grant = db.session.query(Grant).one()
    assert desk.post(f"/admin/members/{bo.public_id}/grants/{grant.id}/revoke").status == 404


def test_support_signs_a_reader_out_but_not_the_owner(visit: Any, staff: Any, make_account: Any) -> None:
    ann, owner = make_account("ann@reader.example"), staff("owner")
    phone, desk = visit(ann), visit(staff("support"))
    visit(owner)
    assert desk.post(f"/admin/members/{ann.public_id}/sign-out").status == 303
    assert phone.get("/account/").status == 303
    assert desk.post(f"/admin/members/{owner.public_id}/sign-out").status == 403
    assert len(sessions.of(owner.id)) == 1


def test_public_ids_cannot_be_counted(make_account: Any) -> None:
    ids = [make_account().public_id for _ in range(3)]
    assert len({*ids}) == 3
    assert all(len(public_id) == 32 for public_id in ids)
    assert db.session.query(Account).count() == 3


def test_the_bar_offers_only_doors_that_open(visit: Any, staff: Any) -> None:
    editor = visit(staff("editor")).get("/admin/articles/")
    assert "/reports/" in editor.links()
    assert "/admin/members/" not in editor.links()
    assert "/admin/members/" in visit(staff("owner")).get("/admin/articles/").links()
