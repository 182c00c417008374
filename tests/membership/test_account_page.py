"""The reader's own page and /api/v1/me: her standing in sentences, and as the contract has it."""

from dataclasses import replace
from datetime import date
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
    (
        {"status": "past_due", "changed_at": at(30), "ends_at": at(60)},
        31,
        "past_due",
        "ends on March 1, 2026. Your last payment has not",
        "cancel",
    ),
    ({"status": "past_due", "changed_at": at(30), "ends_at": at(60)}, 31, "past_due", "You can read until February 6, 2026", "cancel"),
    ({"status": "past_due", "changed_at": at(30), "ends_at": at(60)}, 40, "lapsed", "your card is tried again until then", "cancel"),
    ({"status": "unpaid", "end_cause": "staff"}, 10, "lapsed", "its next payment opens the articles", "cancel"),
    (
        {"status": "unpaid", "end_cause": "staff", "ends_at": at(30)},
        10,
        "lapsed",
        "ends on January 30, 2026; nothing more is charged",
        "none",
    ),
    ({"status": "paused"}, 10, "paused", "is paused", "resume"),
    ({"status": "canceled", "ended_at": at(12)}, 20, "lapsed", "ended on January 12, 2026", "subscribe"),
    ({"kind": "grant", "mrr_720": 0, "ends_at": at(30)}, 10, "active", "You read until January 30, 2026", "subscribe"),
    ({"kind": "gift", "mrr_720": 0, "ends_at": at(30)}, 10, "active", "gave you this membership", "subscribe"),
    ({"kind": "gift", "mrr_720": 0, "started_at": at(20)}, 10, "none", "begins on January 20, 2026", "subscribe"),
]


PAID = wording.Bill(price="$5.00", full_price="$5.00", every="every month", card="your Visa card ending in 4242")
OWED = replace(PAID, overdue="$5.00", pay_url="https://invoice.example/1")

BILLED = [
    # values of the one source                   day  what is known of its money                             in the sentences       step
    ({}, 10, PAID, "renews for $5.00, charged to your Visa card ending in 4242", "cancel"),
    ({}, 10, replace(PAID, card=""), "There is no card on file", "replace-card"),
    (
        {},
        10,
        replace(PAID, card_fails_renewal=True, card_good_through=date(2026, 1, 20)),
        "good through January 20, 2026 only",
        "replace-card",
    ),
    (
        {},
        10,
        replace(PAID, price="$3.00", discount_until=at(100)),
        "lowers it until April 10, 2026; after that it is $5.00 every month",
        "cancel",
    ),
    ({}, 10, replace(PAID, price="$0.00"), "without it, it is $5.00 every month", "cancel"),
    (
        {},
        10,
        replace(PAID, next_plan="Patron", next_price="$20.00", next_at=at(30)),
        "From January 30, 2026 you are on Patron for $20.00",
        "cancel",
    ),
    ({}, 10, replace(PAID, unsettled_until=at(11)), "waits for its payment until January 11, 2026", "cancel"),
    (
        {},
        10,
        replace(PAID, paused=True, resumes_at=at(60)),
        "you read until January 30, 2026. It goes on by itself on March 1, 2026",
        "resume",
    ),
    (
        {"status": "trialing"},
        3,
        PAID,
        "costs $5.00 every month, charged to your Visa card ending in 4242. Cancel before that day",
        "cancel",
    ),
    ({"status": "trialing"}, 3, replace(PAID, card=""), "put one in to read on after that day", "replace-card"),
    ({"status": "trialing"}, 3, replace(PAID, price="$0.00"), "The first payment is $0.00, then $5.00 every month", "cancel"),
    ({"status": "past_due", "changed_at": at(30)}, 31, OWED, "payment of $5.00 did not go through on January 30, 2026", "replace-card"),
    (
        {"status": "past_due", "changed_at": at(30)},
        31,
        replace(OWED, consent=True),
        "Your bank asks you to confirm the payment of $5.00",
        "confirm",
    ),
    ({"status": "past_due", "changed_at": at(30)}, 40, OWED, "could not be charged since", "replace-card"),
    (
        {"status": "past_due", "changed_at": at(30)},
        40,
        replace(OWED, consent=True),
        "confirm the payment of $5.00; then you read on",
        "confirm",
    ),
    (
        {"status": "unpaid", "changed_at": at(30)},
        40,
        replace(OWED, unpaid=True),
        "$5.00 never went through, so your subscription rests",
        "replace-card",
    ),
    (
        {"status": "paused"},
        40,
        replace(PAID, paused=True, resumes_at=at(60)),
        "articles for members are closed meanwhile. It goes on",
        "resume",
    ),
    ({"status": "paused"}, 40, replace(PAID, paused=True), "is paused", "resume"),
    ({"ends_at": at(30), "end_cause": "staff"}, 10, PAID, "We end your subscription then", "none"),
    ({"status": "canceled", "ended_at": at(12), "end_cause": "payment"}, 20, PAID, "could not be charged. You owe nothing", "subscribe"),
    ({"kind": "group", "mrr_720": 0, "ends_at": at(30)}, 10, PAID, "your group's membership", "subscribe"),
]


@pytest.mark.parametrize(("values", "day", "bill", "words", "step"), BILLED)
def test_what_is_known_of_the_money_is_said(values: dict[str, Any], day: int, bill: wording.Bill, words: str, step: str, app: Any) -> None:
    found = standing.derive([snapshot(**values)], GRACE)
    lead = standing.leading(found, at(day))
    assert lead is not None
    said = wording.of(found, at(day), {lead.source_id: bill})
    assert words in " ".join(said.sentences)
    assert said.step == step


GIFT = snapshot(kind="gift", source_id="gift_1", mrr_720=0, ends_at=at(30))
WAITS = snapshot(status="trialing", started_at=at(30), trial_end=at(30))
FIRST = snapshot(status="incomplete", paid_until=None)
DUE = replace(PAID, due="$5.00", pay_url="https://invoice.example/1")

BEGINNINGS = [
    # sources                               what is known of the money of the one that will begin   in the sentences                      step
    ((GIFT, WAITS), PAID, "You read until January 30, 2026. On January 30, 2026 your subscription begins. It then costs $5.00", "cancel"),
    ((GIFT, WAITS), None, "On January 30, 2026 your subscription begins.", "cancel"),
    ((GIFT, WAITS), replace(PAID, card=""), "put one in to read on after that day", "replace-card"),
    ((GIFT, replace(WAITS, ends_at=at(30))), PAID, "You canceled; nothing will be charged", "undo-cancel"),
    ((GIFT, replace(WAITS, ends_at=at(30), end_cause="staff")), PAID, "We end it before; nothing will be charged", "none"),
    ((WAITS,), PAID, "On January 30, 2026 your subscription begins.", "cancel"),
    ((FIRST,), replace(DUE, under_way=True), "You are not a member yet. Your first payment of $5.00 is on its way.", "none"),
    ((FIRST,), None, "Your first payment is on its way.", "none"),
    ((FIRST,), DUE, "Your first payment of $5.00 did not go through, so your membership has not begun.", "pay"),
    ((FIRST,), replace(DUE, pay_url=""), "did not go through", "subscribe"),
    ((FIRST,), replace(DUE, consent=True), "asks you to confirm your first payment of $5.00; your membership begins then", "confirm"),
    (
        (GIFT, FIRST),
        DUE,
        "gave you this membership. You read until January 30, 2026. Your first payment of $5.00 did not go through",
        "pay",
    ),
    (
        (snapshot(source_id="sub_0", status="canceled", ended_at=at(2)), FIRST),
        replace(DUE, under_way=True),
        "ended on January 2, 2026. Your first payment of $5.00 is on its way",
        "none",
    ),
]


@pytest.mark.parametrize(("sources", "bill", "words", "step"), BEGINNINGS)
def test_what_has_not_begun_is_said(sources: Any, bill: wording.Bill | None, words: str, step: str, app: Any) -> None:
    found = standing.derive(sources, GRACE)
    said = wording.of(found, at(10), {"sub_1": bill} if bill else None)
    assert words in " ".join(said.sentences)
    assert (said.step, said.begun) == (step, False)


def test_what_ran_out_or_runs_is_not_said_to_begin(app: Any) -> None:
    over = replace(FIRST, status="incomplete_expired", ended_at=at(1))
    running = snapshot(source_id="sub_2")
    for sources in ((over,), (running, FIRST), (GIFT, replace(WAITS, status="canceled", ended_at=at(5)))):
        assert wording.of(standing.derive(sources, GRACE), at(10), {"sub_1": DUE}).begun


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
    page = browser.submit("/account/name", name="Ann\x07 Lee")
    assert (page.status, list(page.errors())) == (422, ["name"])
    assert "Lee" in page.form("/account/name").fields["name"], "what she typed is kept"
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
