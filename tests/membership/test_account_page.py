"""The reader's own page and /api/v1/me: her standing in sentences, and as the contract has it."""

from typing import Any

import pytest
import time_machine
from markupsafe import Markup

from kit.database import db
from membership import memberships, panels, wording
from membership.domain import standing
from tests.membership.snapshots import GRACE, at, snapshot

TABLE = [
    # values of the one source                                                        day  status      in the sentences                     step
    (None, 1, "none", "not a member yet", "subscribe"),
    ({}, 10, "active", "paid until January 30, 2026", "cancel"),
    ({}, 32, "active", "has not arrived yet", "cancel"),
    ({"status": "trialing"}, 3, "trialing", "On January 30, 2026 your subscription begins", "cancel"),
    ({"status": "trialing", "ends_at": at(30)}, 3, "ending", "nothing more will be charged", "undo-cancel"),
    ({"ends_at": at(30)}, 10, "ending", "You read until January 30, 2026", "undo-cancel"),
    (
        {"status": "past_due", "changed_at": at(30)},
        31,
        "past_due",
        "Your card was declined on January 30, 2026: replace it",
        "replace-card",
    ),
    ({"status": "past_due", "changed_at": at(30)}, 31, "past_due", "You can read until February 6, 2026", "replace-card"),
    ({"status": "past_due", "changed_at": at(30)}, 40, "lapsed", "could not be charged since", "replace-card"),
    ({"status": "paused"}, 10, "paused", "is paused", "resume"),
    ({"status": "canceled", "ended_at": at(12)}, 20, "lapsed", "ended on January 12, 2026", "subscribe"),
    ({"kind": "grant", "mrr_720": 0, "ends_at": at(30)}, 10, "active", "You read until January 30, 2026", "subscribe"),
    ({"kind": "gift", "mrr_720": 0, "ends_at": at(30)}, 10, "active", "gave you this membership", "subscribe"),
    ({"kind": "gift", "mrr_720": 0, "started_at": at(20)}, 10, "none", "begins on January 20, 2026", "subscribe"),
]


@pytest.mark.parametrize(("values", "day", "status", "words", "step"), TABLE)
def test_states_are_sentences(values: dict[str, Any] | None, day: int, status: str, words: str, step: str, app: Any) -> None:
    """Days on the publication's calendar: New York is five hours behind, so midnight UTC is the day before."""
    found = standing.derive([] if values is None else [snapshot(**values)], GRACE)
    said = wording.of(found, at(day))
    assert said.status == status
    assert words in " ".join(said.sentences)
    assert said.step == step


def test_the_page_says_it_and_the_api_says_the_same(visit: Any, make_account: Any) -> None:
    with time_machine.travel(at(10), tick=False):
        account = make_account("ann@reader.example")
        memberships.follow(account.id, snapshot(ends_at=at(30), notice_at=at(5)))
        db.session.commit()
        browser = visit(account)
        assert "You read until January 30, 2026." in browser.get("/account/").text
        answer = browser.get("/api/v1/me")
        assert answer.headers["Cache-Control"] == "private, no-store"
        assert answer.response.json == {
            "email": "ann@reader.example",
            "membership": {
                "status": "ending",
                "entitled": True,
                "plan": "reader-monthly",
                "paid_until": "2026-01-31T00:00:00Z",
                "ends_at": "2026-01-31T00:00:00Z",
                "source": "subscription",
            },
            "contributions": [],
        }


def test_a_stranger_gets_a_problem_document(visitor: Any) -> None:
    page = visitor.get("/api/v1/me")
    assert page.status == 401
    assert page.headers["Content-Type"].startswith("application/problem+json")
    assert visitor.get("/account/").location == "/account/sign-in?next=/account/"


def test_other_rooms_show_their_panel(visit: Any, make_account: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(panels.PANELS, "a-test", lambda account: Markup("<p>Gifts of {}</p>").format(account.name))
    monkeypatch.setitem(panels.PANELS, "an-empty-one", lambda _account: Markup())
    assert "Gifts of <b>Ann</b>" in visit(make_account(name="<b>Ann</b>")).get("/account/").text


def test_a_reader_changes_her_name(visit: Any, make_account: Any) -> None:
    browser = visit(make_account(name="Ann"))
    browser.get("/account/name")
    assert browser.submit("/account/name", name="Ann\x07").status == 422
    assert browser.submit("/account/name", name="Ann Lee").status == 303
    assert "Hello, Ann Lee" in browser.get("/account/").text


def test_password_managers_find_the_page(visitor: Any) -> None:
    assert visitor.get("/.well-known/change-password").location == "/account/password"


def test_a_wrong_present_password_is_named_at_its_field(visit: Any, make_account: Any) -> None:
    browser = visit(make_account(password="correct horse battery staple"))
    browser.get("/account/password")
    page = browser.submit("/account/password", current="not this one", password="a brand new password")
    assert page.status == 422
    assert "not your present password" in page.errors()["current"]
