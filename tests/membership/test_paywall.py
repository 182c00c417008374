"""The gate: as a table, as a property, and over HTTP with replayed cookies and tabs that race."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from kit import clock
from kit.database import db
from membership.domain.paywall import Access, Meter, decide
from membership.models import MeterRead

FRESH, USED_UP, SEEN = Meter(0, 3), Meter(3, 3), Meter(3, 3, seen=True)

TABLE = [
    # access     entitled staff  meter    level      reason          left
    ("free",     False,   False, FRESH,   "full",    "free",          None),
    ("free",     True,    False, FRESH,   "full",    "free",          None),
    ("metered",  False,   False, FRESH,   "metered", "meter",         2),
    ("metered",  False,   False, Meter(2, 3), "metered", "meter",     0),
    ("metered",  False,   False, USED_UP, "preview", "meter-used-up", None),
    ("metered",  False,   False, SEEN,    "metered", "meter",         0),
    ("metered",  True,    False, USED_UP, "full",    "member",        None),
    ("metered",  False,   True,  USED_UP, "full",    "staff",         None),
    ("metered",  False,   False, Meter(0, 0), "preview", "meter-used-up", None),
    ("members",  False,   False, FRESH,   "preview", "members-only",  None),
    ("members",  True,    False, FRESH,   "full",    "member",        None),
    ("members",  False,   True,  FRESH,   "full",    "staff",         None),
    ("",         False,   False, FRESH,   "preview", "members-only",  None),
    ("public",   False,   False, FRESH,   "preview", "members-only",  None),
]  # fmt: skip


@pytest.mark.parametrize(("access", "entitled", "staff", "meter", "level", "reason", "left"), TABLE)
def test_who_sees_how_much(access: str, entitled: bool, staff: bool, meter: Meter, level: str, reason: str, left: int | None) -> None:
    assert decide(access, entitled=entitled, staff=staff, meter=meter) == Access(level, reason, left)  # type: ignore[arg-type]


@given(st.text(max_size=12), st.integers(0, 10), st.integers(0, 10), st.booleans())
def test_a_stranger_never_sees_more_than_the_meter_gives(access: str, used: int, limit: int, seen: bool) -> None:
    found = decide(access, entitled=False, staff=False, meter=Meter(used, limit, seen))
    assert found.in_full == (access == "free" or (access == "metered" and (seen or used < limit)))


# --- over HTTP -------------------------------------------------------------------------------------------------------

GATED = "QUARTZMILL"  # the word in the gated part of factories.make_article


def reads(browser: Any, slug: str) -> bool:
    page = browser.get(f"/articles/{slug}")
    assert page.status == 200
    return GATED in page.html


def test_a_members_article_opens_for_members_and_staff_only(
    visit: Any, make_account: Any, member: Any, staff: Any, make_article: Any
) -> None:
    make_article("the-weir", access="members")
    assert [reads(visit(who), "the-weir") for who in (None, make_account(), member(), staff("editor"))] == [False, False, True, True]


def test_the_gate_closes_to_the_second_when_grace_is_over(visit: Any, member: Any, make_article: Any) -> None:
    make_article("the-weir", access="members")
    with time_machine.travel(clock.now(), tick=False) as now:
        browser = visit(member(until=clock.now() + timedelta(days=10)))
        now.shift(timedelta(days=17, seconds=-1))  # GRACE_DAYS is 7
        assert reads(browser, "the-weir")
        now.shift(timedelta(seconds=1))
        assert not reads(browser, "the-weir")


def test_three_metered_articles_a_month_and_the_same_ones_again(visitor: Any, make_article: Any) -> None:
    for number in range(5):
        make_article(f"story-{number}", access="metered")
    assert [reads(visitor, f"story-{number}") for number in range(5)] == [True, True, True, False, False]
    assert [reads(visitor, f"story-{number}") for number in range(3)] == [True, True, True]
    with time_machine.travel(clock.now() + timedelta(days=32)):
        assert reads(visitor, "story-4"), "next month counts anew"


def test_a_first_view_writes_no_row(visitor: Any, make_article: Any) -> None:
    """P08: crawlers and scripts without cookies do not fill the table."""
    make_article("story", access="metered")
    for _ in range(3):
        visitor.client.delete_cookie("visitor")
        assert reads(visitor, "story")
    assert db.session.query(MeterRead).count() == 0


def test_replaying_an_old_cookie_does_not_turn_the_meter_back(visitor: Any, make_article: Any) -> None:
    for number in range(6):
        make_article(f"story-{number}", access="metered")
    reads(visitor, "story-0")
    first = visitor.client.get_cookie("visitor").value
    opened = []
    for number in range(1, 6):
        visitor.client.set_cookie("visitor", first)
        opened.append(reads(visitor, f"story-{number}"))
    assert opened == [True, True, False, False, False]


@pytest.mark.parametrize("cookie", ["", "x", "W10.x", "e30.AAAA", "é", "a" * 3500])
def test_a_forged_cookie_is_a_new_visitor(cookie: str, visitor: Any, make_article: Any) -> None:
    make_article("story", access="metered")
    visitor.client.set_cookie("visitor", cookie)
    assert reads(visitor, "story")
    assert db.session.query(MeterRead).count() == 0


def test_a_readers_meter_is_hers_on_every_device(visit: Any, make_account: Any, make_article: Any) -> None:
    account = make_account()
    for number in range(4):
        make_article(f"story-{number}", access="metered")
    phone, laptop = visit(account), visit(account)
    opened = [reads((phone, laptop)[number % 2], f"story-{number}") for number in range(4)]
    assert opened == [True, True, True, False]


def test_tabs_that_race_do_not_open_more_than_the_limit(app: Flask, visit: Any, make_account: Any, make_article: Any) -> None:
    account = make_account()
    for number in range(8):
        make_article(f"story-{number}", access="metered")
    browsers = [visit(account) for _ in range(8)]

    def open_one(number: int) -> bool:
        # In a thread of its own there is no test's context: each request has its own session.
        return GATED in browsers[number].client.get(f"/articles/story-{number}").get_data(as_text=True)

    db.session.rollback()
    with ThreadPoolExecutor(8) as tabs:
        opened = list(tabs.map(open_one, range(8)))
    assert sum(opened) == 3
    assert db.session.query(MeterRead).count() == 3
