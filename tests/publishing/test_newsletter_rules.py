"""The newsletter's rules, asked without a database: states, limits, layout, clocks, addresses."""

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publishing.domain import issues, newsletter
from publishing.domain.plain import text_of

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("state", "ask", "confirm", "unsubscribe", "bounce"),
    [
        ("pending", "pending", "confirmed", "unsubscribed", "suspended"),
        ("confirmed", "confirmed", "confirmed", "unsubscribed", "suspended"),
        ("unsubscribed", "unsubscribed", "confirmed", "unsubscribed", "unsubscribed"),
        ("suspended", "suspended", "confirmed", "unsubscribed", "suspended"),
    ],
)
def test_states(state: str, ask: str, confirm: str, unsubscribe: str, bounce: str) -> None:
    found = {event: newsletter.after(state, event) for event in ("ask", "confirm", "unsubscribe", "bounce")}
    assert found == {"ask": ask, "confirm": confirm, "unsubscribe": unsubscribe, "bounce": bounce}


@given(st.sampled_from(newsletter.STATES), st.lists(st.sampled_from(["ask", "confirm", "unsubscribe", "bounce"])))
def test_only_a_confirmation_makes_somebody_a_reader(state: str, events: list[str]) -> None:
    for event in events:
        before, state = state, newsletter.after(state, event)
        assert state in newsletter.STATES
        assert state != "confirmed" or before == "confirmed" or event == "confirm"
        assert newsletter.after(state, event) == state, "every event may come twice"


HOURS = timedelta(hours=1)


@pytest.mark.parametrize(
    ("state", "letters", "last", "may"),
    [
        ("pending", 0, None, True),
        ("pending", 1, NOON - 23 * HOURS, False),
        ("pending", 1, NOON - 24 * HOURS, True),
        ("pending", 2, NOON - 24 * HOURS, True),
        ("pending", 3, NOON - 999 * HOURS, False),
        ("unsubscribed", 0, None, True),
        ("suspended", 1, NOON - 25 * HOURS, True),
        ("confirmed", 0, None, False),
    ],
)
def test_how_often_a_stranger_can_make_us_write(state: str, letters: int, last: datetime | None, may: bool) -> None:
    assert newsletter.may_write(state, letters, last, NOON) is may


def test_one_mailbox_however_it_is_tagged() -> None:
    assert newsletter.mailbox("ann+1@x.example") == newsletter.mailbox("ann+2+3@x.example") == "ann@x.example"
    assert newsletter.mailbox("+tag@x.example") == "+tag@x.example"


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:1:2::/64", "2001:db8:1::/48"),
        ("2001:db8:1:ffff::9", "2001:db8:1::/48"),
        ("unknown", "unknown"),
        ("", "unknown"),
    ],
)
def test_neighbourhoods(address: str, network: str) -> None:
    assert newsletter.network(address) == network


TODAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    ("state", "daily", "paused", "gets"),
    [
        ("confirmed", True, None, True),
        ("confirmed", True, TODAY, True),
        ("confirmed", True, TODAY + timedelta(1), False),
        ("confirmed", False, None, False),
        ("pending", True, None, False),
        ("unsubscribed", True, None, False),
        ("suspended", True, None, False),
    ],
)
def test_who_gets_a_letter(state: str, daily: bool, paused: date | None, gets: bool) -> None:
    assert newsletter.gets_letters(state, daily, paused, TODAY) is gets


@pytest.mark.parametrize(
    ("code", "said", "dead"),
    [
        (550, "5.1.1 no such user", True),
        (550, "no such user here", True),
        (550, "<ann@x.example>: Recipient address rejected: User unknown in virtual mailbox table", True),
        (550, "Mailbox does not exist", True),
        (551, "User not local; please try <ann@y.example>", True),
        (553, "sorry, no mailbox here by that name. (#5.1.1)", True),
        (551, "moved", False),  # a bare code may come from any filter
        (550, "blocked using zen.spamhaus.org", False),
        (550, "Message rejected as spam", False),
        (553, "mail rejected by policy", False),
        (550, "Requested action not taken: mailbox unavailable", False),  # some say it of whoever writes
        (550, "blocked: 5.1.2.3 is listed", False),  # no code, an address
        (550, "5.1.8 sender's domain is not found", False),
        (550, "5.1.10 recipient's domain takes no mail", True),
        (553, "5.1.3 bad address", True),
        (550, "5.2.1 mailbox disabled", True),
        (550, "5.7.1 your network is on a blocklist", False),  # says nothing about her
        (554, "5.7.1 looks like spam", False),
        (554, "transaction failed", False),
        (552, "5.2.2 mailbox full", False),
        (450, "4.2.1 try later", False),
        (0, "not an address", False),
    ],
)
def test_when_an_address_is_given_up(code: int, said: str, dead: bool) -> None:
    assert newsletter.gives_up(code, said) is dead


@pytest.mark.parametrize(
    "poison",
    [
        "x\r\nBcc: all@x.example",
        "x@y.example, z@w.example",
        "<x@y.example>",
        "a b@x.example",
        "é@x.example",
        f"{'a' * 65}@x.example",
        "x@",
        "@x.example",
        "a..b@x.example",
        ".a@x.example",
        "a.@x.example",
        '"x y"@x.example',
        "=?utf-8?q?=0D=0ABcc=3A=20v=40x.example?=@z.example",
        "x\u2028y@x.example",
    ],
)
def test_poison_addresses(poison: str) -> None:
    with pytest.raises(ValueError, match="not an address"):
        newsletter.mailable(poison, poison)


def test_the_wire_has_ascii_domains() -> None:
    assert newsletter.mailable("Ann.B+tag@münchen.example", "ann.b+tag@xn--mnchen-3ya.example") == "Ann.B+tag@xn--mnchen-3ya.example"


@given(st.text())
def test_nothing_that_breaks_a_header_can_be_mailed(text: str) -> None:
    try:
        address = newsletter.mailable(text, text)
    except ValueError:
        return
    assert address.isascii()
    assert not set(address) & set('\r\n\t <>,;:()[]"\\')


# ---- issues ----


def story(number: int, kind: str = "article", image: str = "") -> SimpleNamespace:
    return SimpleNamespace(id=number, kind=kind, image=image or None)


def test_layout() -> None:
    told = [story(9, "column"), story(8), story(7, "photos", "/p"), story(6, image="/m"), story(5), story(4, "column")]
    assert issues.arrange(told) == [6, 8, 5, 9, 4, 7], "the lead has a picture; then articles, columns, photographs"
    assert issues.arrange([story(2), story(1)]) == [2, 1]
    assert issues.arrange([story(2, "column"), story(1, "photos")]) == [2, 1]
    assert issues.arrange([]) == []
    assert len(issues.arrange([story(n) for n in range(40)])) == issues.MOST_ARTICLES


def test_an_editors_order_stays() -> None:
    assert issues.merged([3, 1], [5, 3, 4]) == [3, 1, 5, 4]


def test_what_an_issue_covers() -> None:
    assert issues.window(NOON, None) == (NOON - timedelta(days=1), NOON)
    assert issues.window(NOON, NOON - timedelta(days=3)) == (NOON - timedelta(days=3), NOON)
    assert issues.window(NOON, NOON - timedelta(days=99)) == (NOON - timedelta(days=7), NOON)


@pytest.mark.parametrize(
    ("days_ago", "forced", "may"),
    [(0, False, True), (1, False, True), (2, False, False), (2, True, True), (-1, False, False), (-1, True, False)],
)
def test_old_issues_do_not_go_out_by_surprise(days_ago: int, forced: bool, may: bool) -> None:
    now = datetime(2026, 11, 22, 4, tzinfo=UTC)  # in New York it is still the 21st
    day = date(2026, 11, 21) - timedelta(days_ago)
    assert issues.may_go(day, now, NEW_YORK, forced=forced) is may


def test_six_in_the_morning_by_the_wall_clock() -> None:
    """Also on the days on which the clocks change; and a worker that was down does not send at night."""
    for day in (date(2026, 3, 8), date(2026, 11, 1), date(2026, 7, 1)):
        at = [datetime(day.year, day.month, day.day, hour, 59, tzinfo=NEW_YORK) for hour in range(24)]
        assert [moment.hour for moment in at if issues.goes_by_itself(moment.astimezone(UTC), NEW_YORK)] == [6, 7, 8, 9, 10, 11]


def test_tries_end() -> None:
    waits = [issues.next_try(n, NOON) for n in range(1, 12)]
    assert [(at - NOON).total_seconds() / 60 for at in waits if at] == [1, 2, 4, 8, 16, 32, 60]
    assert waits[7:] == [None] * 4
    assert [issues.pause(n) for n in (0, 1, 6, 50)] == [15, 30, 900, 900]


@given(st.text())
def test_one_line(text: str) -> None:
    line = issues.one_line(text, 50)
    assert len(line) <= 50
    assert line.splitlines() in ([], [line])


# ---- the text half ----


def test_plain_text() -> None:
    html = (
        "<h2>Hi &amp; ho</h2>\n<p>One <em>two</em>\nthree <a href='https://x.example/'>link</a>.<br>new</p>"
        "<ul>\n<li>a</li>\n<li><p>b</p></li>\n</ul><blockquote>\n<p>said</p>\n</blockquote>"
        "<figure><img src='x' alt='A mill'><figcaption>By night</figcaption></figure>"
        "<p><a href='https://y.example/z'>https://y.example/z</a></p>"
    )
    assert text_of(html) == (
        "Hi & ho\n\nOne two three link (https://x.example/).\nnew\n\n- a\n\n- b\n\n> said\n\n[A mill] By night\n\nhttps://y.example/z"
    )


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=("C",)))))
def test_plain_text_loses_no_word(words: list[str]) -> None:
    from markupsafe import escape

    html = "".join(f"<p>{escape(word)}</p>" for word in words)
    assert "".join(text_of(html).split()) == "".join("".join(words).split())
