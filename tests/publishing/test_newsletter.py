"""Visits to the newsletter: asking, confirming, choosing, leaving - by people, scanners and list bombers."""

import hashlib
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
import time_machine

from kit.csrf import csrf
from kit.database import db
from kit.mail import OutboxMail
from membership.domain import emails
from publishing.domain import newsletter as rules
from publishing.models import NewsletterConsent, NewsletterSubscription
from publishing.newsletter import tokens

NOON = datetime(2026, 11, 22, 17, tzinfo=UTC)  # noon in New York
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def at() -> Any:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def ask(visit: Callable[..., Any], drain: Callable[..., int], at: Any) -> Callable[..., Any]:
    """``ask("ann@x.example")``: fill in the form like a person; answers the page that follows."""

    def fill(email: str, *, after: float = 10, **fields: str) -> Any:
        visitor = visit()
        visitor.get("/newsletter/")
        at.shift(after)
        page = visitor.submit("/newsletter/", email=email, **fields)
        drain()
        return page

    return fill


def row(email: str) -> NewsletterSubscription:
    db.session.rollback()
    return db.session.scalars(sa.select(NewsletterSubscription).where(NewsletterSubscription.email_key == emails.key(email))).one()


def record(email: str) -> list[str]:
    found = sa.select(NewsletterConsent.event).where(NewsletterConsent.subscription_id == row(email).id)
    return list(db.session.scalars(found.order_by(NewsletterConsent.id)))


def link_in(mail: OutboxMail) -> str:
    return urlsplit(re.findall(r"https?://\S+/newsletter/confirm/\S+", mail.text)[0]).path


@pytest.fixture
def reader(ask: Callable[..., Any], outbox: Callable[..., Any], visit: Callable[..., Any]) -> Callable[[str], str]:
    """``reader("ann@x.example")``: somebody who asked and confirmed; answers the token that stands in her letters."""

    def make(email: str) -> str:
        ask(email)
        visitor = visit()
        visitor.get(link_in(outbox()[-1]))
        assert visitor.submit("/newsletter/confirm/").status == 303
        return tokens.of_handle(row(email).handle)

    return make


def test_from_the_form_to_the_list(ask: Callable[..., Any], outbox: Callable[..., Any], visit: Callable[..., Any]) -> None:
    assert ask("Ann@Reader.example").location == "/newsletter/check-mail"
    assert row("ann@reader.example").state == "pending"
    (mail,) = outbox()
    assert (mail.recipient, mail.state) == ("Ann@reader.example", "sent")
    assert "Ann" not in mail.text + (mail.html or "") + mail.subject, "nothing that was typed"

    visitor = visit()
    page = visitor.get(link_in(mail))
    assert "One more press" in page.text
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert "no-store" in page.headers["Cache-Control"]
    assert row("ann@reader.example").state == "pending", "looking changes nothing"
    page = visitor.submit("/newsletter/confirm/", follow=True)
    assert "You are on the list" in page.text
    assert "Ann@reader.example" in page.text
    assert record("ann@reader.example") == ["asked", "letter", "confirmed"]
    asked = db.session.scalars(sa.select(NewsletterConsent).order_by(NewsletterConsent.id)).first()
    assert asked is not None
    assert (asked.wording, asked.how, asked.at.date()) == (rules.CONSENT_WORDING, "page", NOON.date())
    assert re.fullmatch("[0-9a-f]{32}", asked.network)
    assert "127.0.0" not in asked.network

    visitor.get(link_in(mail))  # pressing it twice is no fault
    assert visitor.submit("/newsletter/confirm/").status == 303
    assert record("ann@reader.example") == ["asked", "letter", "confirmed"]


def test_the_wording_has_a_name_of_its_own() -> None:
    """What people agreed to must be found again: a new text needs a new name."""
    text = (ROOT / "templates/newsletter/consent.html").read_text()
    said = re.findall(r'_\("(.*)"\)', text)[0]
    assert (rules.CONSENT_WORDING, hashlib.sha256(said.encode()).hexdigest()[:12]) == ("2026-11", "21c42a3267ab")


@pytest.mark.parametrize(
    "typed",
    ["", "ann", "ann@", "a@b@c.example", "ann@x", "x\r\nBcc: y@z.example", "é@x.example", f"{'a' * 65}@x.example", "a@x.example\x00"],
)
def test_a_bad_address_stays_in_the_form(ask: Callable[..., Any], outbox: Callable[..., Any], typed: str) -> None:
    page = ask(typed)
    assert page.status == 422
    assert "does not look like" in page.errors()["email"]
    if typed.isprintable():
        assert page.form("/newsletter/").fields["email"] == typed
    assert outbox() == []


def test_a_person_who_is_quick_presses_again(visit: Callable[..., Any], at: Any) -> None:
    visitor = visit()
    visitor.get("/newsletter/")
    assert "does not look like" in visitor.submit("/newsletter/", email="ann").errors()["email"], "not at the second press only"
    visitor.get("/newsletter/")
    page = visitor.submit("/newsletter/", email="ann@reader.example")
    assert page.status == 422
    assert "once more" in page.errors()["email"]
    at.shift(1.1)
    assert visitor.submit("/newsletter/").status == 303, "what was typed is still there"


def test_a_form_that_was_open_for_days_and_one_without_a_key(visit: Callable[..., Any], at: Any) -> None:
    visitor = visit()
    visitor.get("/newsletter/")
    at.shift(timedelta(days=3))
    assert visitor.submit("/newsletter/", email="ann@reader.example").status == 422
    at.shift(3)
    assert visitor.submit("/newsletter/").status == 303
    assert visitor.post("/newsletter/", {"email": "ann@reader.example"}).status == 422
    assert visitor.post("/newsletter/", {"email": "ann@reader.example", "key": "1.forged"}).status == 422


def test_the_answer_tells_nothing(
    ask: Callable[..., Any], reader: Callable[[str], str], outbox: Callable[..., Any], visit: Callable[..., Any]
) -> None:
    """Known, unknown, unsubscribed, caught in the trap: status, place, headers and page are the same (safety A05)."""
    reader("known@reader.example")
    written = len(outbox())
    seen = []
    for email, trap in (("known@reader.example", ""), ("new@reader.example", ""), ("new@reader.example", ""), ("bot@reader.example", "x")):
        page = ask(email, homepage=trap)
        headers = {
            name: value
            for name, value in page.headers
            if name not in ("X-Request-ID", "Date") and not name.startswith(("X-RateLimit", "Retry"))
        }
        seen.append((page.status, page.html, headers))
    assert seen == [seen[0]] * 4
    assert [mail.recipient for mail in outbox()[written:]] == ["new@reader.example"]
    with pytest.raises(sa.exc.NoResultFound):
        row("bot@reader.example")


def test_list_bombing_fills_nobodys_mailbox(ask: Callable[..., Any], outbox: Callable[..., Any], at: Any, app: Any) -> None:
    """One letter a day and three ever, however the address is tagged or cased (safety N05)."""
    for day in range(6):
        for number in range(3):
            assert ask(f"victim+{day}{number}@reader.example").status == 303
            assert ask("VICTIM@reader.example").status == 303
        assert len(outbox()) == min(day + 1, 3)
        at.shift(timedelta(days=1))
    assert {mail.recipient.partition("+")[0].casefold().partition("@")[0] for mail in outbox()} == {"victim"}


def test_a_network_and_the_whole_world_have_limits(app: Any, at: Any) -> None:
    client = app.test_client()
    key = tokens.form_key(NOON)
    at.shift(5)
    statuses = [client.post("/newsletter/", data={"email": f"a{n}@x.example", "key": key}).status_code for n in range(21)]
    assert statuses == [303] * 20 + [429]
    others = (f"198.51.{n // 250}.{n % 250 + 1}" for n in range(600))
    statuses = [client.post("/newsletter/", data={"key": key}, environ_base={"REMOTE_ADDR": ip}).status_code for ip in others]
    assert set(statuses[:570]) == {422}
    assert statuses[-1] == 429


def test_asking_changes_nothing_for_somebody_who_left(
    reader: Callable[[str], str], ask: Callable[..., Any], app: Any, outbox: Callable[..., Any]
) -> None:
    token = reader("ann@reader.example")
    app.test_client().post(f"/newsletter/unsubscribe/{token}", data={"List-Unsubscribe": "One-Click"})
    ask("ann@reader.example")
    assert row("ann@reader.example").state == "unsubscribed"
    assert len(outbox()) == 1, "and the day's one letter was written already"


def test_a_link_dies(ask: Callable[..., Any], outbox: Callable[..., Any], visit: Callable[..., Any], at: Any) -> None:
    ask("ann@reader.example")
    first = link_in(outbox()[0])
    at.shift(timedelta(days=2))
    ask("ann@reader.example")
    assert visit().get(first).status == 410, "a newer letter replaces it"
    second = link_in(outbox()[1])
    visitor = visit()
    visitor.get(second)
    at.shift(timedelta(days=7))
    assert visitor.submit("/newsletter/confirm/").status == 410
    assert row("ann@reader.example").state == "pending"
    assert visit().get("/newsletter/confirm/" + "x" * 43).status == 410


def test_one_click(reader: Callable[[str], str], app: Any) -> None:
    """RFC 8058: a POST with that body, without cookies, referrer or token of ours; as often as it likes."""
    path = f"/newsletter/unsubscribe/{reader('ann@reader.example')}"
    for _ in range(2):
        answer = app.test_client().post(
            path,
            data="List-Unsubscribe=One-Click",
            content_type="application/x-www-form-urlencoded",
            headers={"Origin": "https://mail.example", "Sec-Fetch-Site": "cross-site"},
        )
        assert answer.status_code == 200
        assert "Set-Cookie" not in answer.headers
        assert row("ann@reader.example").state == "unsubscribed"
    assert record("ann@reader.example")[-1:] == ["unsubscribed"]
    assert record("ann@reader.example").count("unsubscribed") == 1
    multipart = app.test_client().post(path, data={"List-Unsubscribe": "One-Click"}, content_type="multipart/form-data")
    assert multipart.status_code == 200


def test_a_forged_token_unsubscribes_nobody(reader: Callable[[str], str], app: Any) -> None:
    token = reader("ann@reader.example")
    handle = token.partition(".")[0]
    for forged in (handle, handle + ".", token[:-1], token[:-2] + "xx", f"{handle}.{'A' * 43}", "x" * 22 + token[22:], "%00", "é"):
        answer = app.test_client().post(f"/newsletter/unsubscribe/{forged}", data={"List-Unsubscribe": "One-Click"})
        assert answer.status_code == 404
        assert app.test_client().get(f"/newsletter/preferences/{forged}").status_code == 404
    assert row("ann@reader.example").state == "confirmed"


def test_only_these_two_doors_need_no_csrf_token() -> None:
    ours = {name for name in csrf._exempt_views if "newsletter" in name}
    assert ours == {"publishing.views.newsletter.subscribe", "publishing.views.newsletter_preferences.leave"}


def test_the_page_asks_before_it_unsubscribes(reader: Callable[[str], str], visit: Callable[..., Any]) -> None:
    token = reader("ann@reader.example")
    visitor = visit()
    assert "End the daily letter?" in visitor.get(f"/newsletter/unsubscribe/{token}").text
    assert row("ann@reader.example").state == "confirmed"
    page = visitor.submit("/newsletter/unsubscribe/", follow=True)
    assert "You are unsubscribed" in page.text
    assert row("ann@reader.example").state == "unsubscribed"
    assert "No letters go to" in visitor.get(f"/newsletter/preferences/{token}").text


def test_a_scanner_changes_nothing(ask: Callable[..., Any], reader: Callable[[str], str], outbox: Callable[..., Any], app: Any) -> None:
    """It follows every link of every mail with GET and HEAD, then submits every form it finds, without cookies (F18)."""
    from tests.visits import Page

    token = reader("ann@reader.example")
    ask("bob@reader.example")
    before = [(row(email).state, record(email)) for email in ("ann@reader.example", "bob@reader.example")]
    links = {link for mail in outbox() for link in re.findall(r"https?://[^\s\"'<>]+", mail.text + (mail.html or ""))}
    links |= {f"http://localhost/newsletter/unsubscribe/{token}", f"http://localhost/newsletter/preferences/{token}"}
    pressed = 0
    for link in links:
        assert urlsplit(link).netloc == "localhost"
        path = urlsplit(link).path or "/"
        for method in ("get", "head", "options"):
            assert getattr(app.test_client(use_cookies=False), method)(path).status_code < 500
        page = Page(app.test_client(use_cookies=False).get(path), path)
        for form in page.forms():
            if form.method == "post" and form.action.startswith("/newsletter/") and form.action != "/newsletter/":
                assert app.test_client(use_cookies=False).post(form.action, data=form.fields).status_code == 400
                pressed += 1
    assert pressed >= 3
    assert before == [(row(email).state, record(email)) for email in ("ann@reader.example", "bob@reader.example")]


def test_a_token_signs_nobody_in(reader: Callable[[str], str], make_account: Callable[..., Any], visit: Callable[..., Any]) -> None:
    make_account("ann@reader.example")
    token = reader("ann@reader.example")
    visitor = visit()
    visitor.get(f"/newsletter/preferences/{token}")
    assert visitor.get("/account/").status in (302, 303)
    for path in (f"/account/link/{token}", f"/account/reset/{token}", f"/newsletter/confirm/{token}"):
        assert visitor.get(path).status != 200


def test_choices(reader: Callable[[str], str], visit: Callable[..., Any]) -> None:
    path = f"/newsletter/preferences/{reader('ann@reader.example')}"
    visitor = visit()
    visitor.get(path)
    for wrong in ("2026-11-22", "2028-01-01", "soon"):
        page = visitor.submit(path, paused_until=wrong)
        assert page.status == 422
        assert ("as 2027-05-31" if wrong == "soon" else "between tomorrow") in page.errors()["paused_until"]
        assert page.form(path).fields["paused_until"] == wrong
    page = visitor.submit(path, paused_until="2026-12-24", follow=True)
    assert "on December 24, 2026" in page.text
    assert page.form(path).fields["paused_until"] == "2026-12-24"
    fields = {name: value for name, value in page.form(path).fields.items() if name not in ("daily", "paused_until")}
    assert "gets no letters" in visitor.post(path, fields, follow=True).text
    assert (row("ann@reader.example").daily, row("ann@reader.example").paused_until) == (False, None)
    assert record("ann@reader.example")[-2:] == ["changed", "changed"]


def test_signed_in_one_press_is_enough(make_account: Callable[..., Any], visit: Callable[..., Any], outbox: Callable[..., Any]) -> None:
    ann = make_account("ann@reader.example")
    visitor = visit(ann)
    visitor.get("/newsletter/preferences")
    page = visitor.submit("/newsletter/preferences", follow=True)
    assert row("ann@reader.example").state == "confirmed"
    assert record("ann@reader.example") == ["confirmed"]
    assert outbox() == []
    assert visitor.get("/newsletter/preferences", follow=True).path.startswith("/newsletter/preferences/")
    assert page.status in (200, 303)


def test_an_unverified_account_proves_nothing(make_account: Callable[..., Any], visit: Callable[..., Any]) -> None:
    visitor = visit(make_account("ann@reader.example", confirmed=False))
    assert visitor.get("/newsletter/preferences").location == "/newsletter/"
    assert visitor.post("/newsletter/preferences").status == 403
    with pytest.raises(sa.exc.NoResultFound):
        row("ann@reader.example")


def test_old_keys_still_open_old_links(reader: Callable[[str], str], app: Any) -> None:
    token = reader("ann@reader.example")
    secret = app.config["SECRET_KEY"]
    app.config.update(SECRET_KEY="another-key-of-this-suite-0123456789abcdef", SECRET_KEY_FALLBACKS=[secret])
    try:
        assert app.test_client().get(f"/newsletter/preferences/{token}").status_code == 200
        app.config["SECRET_KEY_FALLBACKS"] = []
        assert app.test_client().get(f"/newsletter/preferences/{token}").status_code == 404
    finally:
        app.config.update(SECRET_KEY=secret, SECRET_KEY_FALLBACKS=[])


def test_pages_for_visitors_set_no_cookie(visit: Callable[..., Any], at: Any) -> None:
    for path in ("/newsletter/", "/newsletter/check-mail", "/newsletter/issues/"):
        page = visit().get(path)
        assert page.status == 200
        assert "Set-Cookie" not in page.headers
        assert page.headers["Cache-Control"].startswith("public")
