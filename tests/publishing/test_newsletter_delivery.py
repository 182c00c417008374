"""An issue on its way: servers that refuse, vanish and lie; senders that are killed; readers who leave meanwhile."""

import dataclasses
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import time_machine
from flask import Flask

from kit import clock, jobs
from kit.database import db
from membership.domain import emails
from publishing import articles, newsletter_jobs
from publishing.domain import newsletter as rules
from publishing.models import NewsletterDelivery, NewsletterIssue, NewsletterSubscription
from publishing.newsletter import issues, subscriptions, tokens
from tests.publishing.newsletter_sink import Sink, serving
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def sink(app: Flask) -> Iterator[Sink]:
    with serving(app) as (found, url):
        found.url = url  # type: ignore[attr-defined]
        yield found


def subscribe(*typed: str, state: str = "confirmed", **values: Any) -> None:
    """Rows as they are after confirming; also of addresses that no form would take (they come from imports)."""
    now = clock.now()
    for email in typed:
        try:
            key = emails.key(email)
        except emails.NotAnAddress:
            key = email
        row = {"email": email, "email_key": key, "mailbox_key": rules.mailbox(key), "handle": tokens.new_handle(), "state": state}
        db.session.add(NewsletterSubscription(**row, created_at=now, changed_at=now, **values))
    db.session.commit()


def start() -> int:
    issues.prepare(issues.today())
    issue_id = issues.start(issues.today())[0].id
    db.session.commit()
    return issue_id


def look(query: Any) -> list[Any]:
    """Rows as they are now; leaves no transaction open, or a writer would wait for us."""
    db.session.rollback()
    found = list(db.session.execute(query))
    db.session.rollback()
    return found


def states() -> dict[str, str]:
    """Each address and what became of its letter."""
    query = sa.select(NewsletterSubscription.email, NewsletterDelivery.state).join(
        NewsletterDelivery, NewsletterDelivery.subscription_id == NewsletterSubscription.id
    )
    return {row[0]: row[1] for row in look(query)}


def state_of(email: str) -> str:
    return look(sa.select(NewsletterSubscription.state).where(NewsletterSubscription.email == email))[0][0]


def leg(app: Flask, issue_id: int) -> None:
    """Run the leg whose turn it is, however long it should still wait."""
    turn = look(sa.select(NewsletterIssue.leg).where(NewsletterIssue.id == issue_id))[0][0]
    jobs.run(app, "newsletter.deliver", [issue_id, turn])


def finished(issue_id: int) -> bool:
    return look(sa.select(NewsletterIssue.state).where(NewsletterIssue.id == issue_id)) == [("sent",)]


def test_everybody_who_wants_it_gets_one(app: Flask, sink: Sink, make_article: Any, drain: Any) -> None:
    make_article()
    subscribe("ann@r.example", "bob@r.example")
    subscribe("pending@r.example", state="pending")
    subscribe("left@r.example", state="unsubscribed")
    subscribe("dead@r.example", state="suspended")
    subscribe("off@r.example", daily=False)
    subscribe("away@r.example", paused_until=issues.today() + timedelta(days=1))
    subscribe("back@r.example", paused_until=issues.today())
    issue_id = start()
    drain()
    assert sink.counts() == {"ann@r.example": 1, "bob@r.example": 1, "back@r.example": 1}
    assert sink.lines == 1, "all over one connection"
    assert finished(issue_id)
    assert start() == issue_id
    drain()
    assert len(sink.mails) == 3, "starting it twice sends it once"


def test_headers(app: Flask, sink: Sink, make_article: Any, drain: Any, client: Any) -> None:
    make_article(title="Grüße vom Wehr")
    subscribe("ann@r.example")
    start()
    drain()
    (mail,) = sink.mails
    assert {name.lower() for name in mail.keys()} == {  # noqa: SIM118 - a message is no dict
        "to", "message-id", "list-unsubscribe", "list-unsubscribe-post", "from", "subject", "date", "list-id", "mime-version", "content-type",
        "x-peer", "x-mailfrom", "x-rcptto",
    } - ({"x-peer", "x-mailfrom", "x-rcptto"} - {name.lower() for name in mail.keys()})  # fmt: skip  # noqa: SIM118
    assert mail["Subject"] == "Grüße vom Wehr"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    https, mailto = (part.strip() for part in mail["List-Unsubscribe"].split(","))
    assert mailto == "<mailto:news@localhost?subject=unsubscribe>"
    path = https.strip("<>").removeprefix("http://localhost")
    assert client.post(path, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    assert state_of("ann@r.example") == "unsubscribed"
    for part in ("plain", "html"):
        body = mail.get_body((part,)).get_content()
        assert path in body, "a link in both halves"
        assert path.replace("/unsubscribe/", "/preferences/") in body
        assert "GAP" not in body


@pytest.mark.parametrize(
    "subject", ["x\r\nBcc: all@x.example", "a\x0bb\x85c\u2028d", "=?utf-8?q?=0D=0ABcc:_x@y.example?=", "é" * 199, "." * 180]
)
def test_no_subject_makes_a_header(app: Flask, sink: Sink, make_article: Any, drain: Any, subject: str) -> None:
    make_article()
    subscribe("ann@r.example")
    issue = issues.prepare(issues.today()).issue
    assert issue is not None
    issues.edit(issue, subject=subject, intro=subject, article_ids=issue.article_ids)
    db.session.commit()
    start()
    drain()
    (mail,) = sink.mails
    assert mail["Bcc"] is None
    assert len(mail.get_all("Subject")) == 1
    assert " ".join(mail["Subject"].split()) == " ".join(issue.subject.replace("=?", "= ?").split())
    assert mail.get_content_type() == "multipart/alternative"


def test_one_poison_address_stops_nobody_else(app: Flask, sink: Sink, make_article: Any, drain: Any) -> None:
    make_article()
    poison = ("x\r\nBcc: all@x.example", f"{'a' * 65}@r.example", "é@r.example", "a@r.example, b@r.example")
    for number, email in enumerate(poison):
        subscribe(email)
        subscribe(f"good{number}@r.example")
    issue_id = start()
    drain()
    assert sorted(sink.counts()) == ["good0@r.example", "good1@r.example", "good2@r.example", "good3@r.example"]
    assert {states()[email] for email in poison} == {"refused"}
    assert finished(issue_id)


def test_permanent_refusals(app: Flask, sink: Sink, make_article: Any, drain: Any) -> None:
    """A dead mailbox suspends its subscription; a server that dislikes us suspends nobody."""
    make_article()
    subscribe("gone@r.example", "blocked@r.example", "spam@r.example", "ann@r.example")
    answers = {"gone@r.example": "550 5.1.1 no such user", "blocked@r.example": "550 5.7.1 blocklisted"}
    sink.at_rcpt = answers.get
    sink.at_data = lambda address: "554 5.7.1 spam" if address == "spam@r.example" else None
    issue_id = start()
    drain()
    assert states() == {"gone@r.example": "refused", "blocked@r.example": "refused", "spam@r.example": "refused", "ann@r.example": "sent"}
    assert [state_of(email) for email in states()] == ["suspended", "confirmed", "confirmed", "confirmed"]
    assert finished(issue_id)


@pytest.mark.parametrize(
    ("place", "answer"),
    [
        ("at_data", "550 Message rejected as spam"),
        ("at_data", "550 5.1.1 no such user"),  # said after the letter: some servers look only then, and so do filters
        ("at_data", "553 mail rejected by policy"),
        ("at_rcpt", "550 blocked using zen.spamhaus.org"),
    ],
)
def test_a_filter_that_dislikes_the_letter_suspends_nobody(
    app: Flask, sink: Sink, make_article: Any, drain: Any, place: str, answer: str
) -> None:
    make_article()
    subscribe("ann@r.example", "bob@r.example")
    setattr(sink, place, lambda _address: answer)
    start()
    drain()
    assert states() == {"ann@r.example": "refused", "bob@r.example": "refused"}
    assert [state_of(email) for email in states()] == ["confirmed", "confirmed"]


def test_what_is_put_off_comes_later(app: Flask, sink: Sink, make_article: Any, drain: Any) -> None:
    make_article()
    subscribe("ann@r.example", "bob@r.example", "full@r.example")
    tries: list[str] = []

    def greylisted(address: str) -> str | None:
        tries.append(address)
        return "451 4.7.1 try later" if address == "full@r.example" or (address == "ann@r.example" and tries.count(address) < 3) else None

    sink.at_rcpt = greylisted
    issue_id = start()
    with time_machine.travel(clock.now(), tick=True) as at:
        drain()
        assert sink.counts() == {"bob@r.example": 1}
        for _ in range(9):
            at.shift(timedelta(hours=1))
            leg(app, issue_id)
    assert sink.counts() == {"bob@r.example": 1, "ann@r.example": 1}
    assert states()["full@r.example"] == "failed"
    assert tries.count("full@r.example") == 8
    assert finished(issue_id)


def test_a_server_that_is_down(app: Flask, sink: Sink, make_article: Any, drain: Any) -> None:
    from kit.transport import Smtp

    make_article()
    subscribe("ann@r.example")
    working = app.extensions["mail_transport"]
    app.extensions["mail_transport"] = Smtp("smtp://127.0.0.1:1")
    issue_id = start()
    for _ in range(3):
        drain()
        leg(app, issue_id)
    (issue,) = look(
        sa.select(NewsletterIssue.state, NewsletterIssue.setbacks, NewsletterIssue.leg_at).where(NewsletterIssue.id == issue_id)
    )
    assert (issue.state, issue.setbacks) == ("sending", 4)
    assert states() == {"ann@r.example": "queued"}
    assert issue.leg_at is not None
    assert issue.leg_at > clock.now() + timedelta(seconds=60), "each pause is longer"
    app.extensions["mail_transport"] = working
    leg(app, issue_id)
    assert finished(issue_id)
    assert sink.counts() == {"ann@r.example": 1}


def test_a_line_that_breaks_after_the_dot_repeats_only_that_letter(app: Flask, sink: Sink, make_article: Any, drain: Any) -> None:
    make_article()
    readers = [f"r{number:02}@r.example" for number in range(20)]
    subscribe(*readers)
    dropped: list[str] = []

    def drop_once(address: str) -> str | None:
        if address in ("r03@r.example", "r11@r.example") and address not in dropped:
            dropped.append(address)
            return "drop"
        return None

    sink.at_data = drop_once
    issue_id = start()
    with time_machine.travel(clock.now(), tick=True) as at:
        for _ in range(5):
            drain()
            at.shift(timedelta(minutes=2))
            if not finished(issue_id):
                leg(app, issue_id)
    assert finished(issue_id)
    assert sink.counts() == {email: 2 if email in dropped else 1 for email in readers}
    for email in dropped:
        assert len({mail["Message-ID"] for mail in sink.mails if mail["To"] == email}) == 1
    assert len({mail["Message-ID"] for mail in sink.mails}) == 20


def test_who_leaves_while_it_goes_out_gets_none(app: Flask, sink: Sink, make_article: Any, client: Any) -> None:
    """Each letter that arrives makes the next reader leave, pause, bounce or vanish: nobody of those is written to."""
    make_article()
    readers = [f"r{number:02}@r.example" for number in range(12)]
    subscribe(*readers)
    ids = {row[0]: row[1] for row in look(sa.select(NewsletterSubscription.email, NewsletterSubscription.id))}
    issue_id = start()
    ways: list[Callable[[NewsletterSubscription], Any]] = [
        lambda row: subscriptions.unsubscribe(row, subscriptions.Asker("test")),
        lambda row: setattr(row, "daily", False),
        lambda row: setattr(row, "paused_until", issues.today() + timedelta(days=3)),
        lambda row: subscriptions.suspend(row.id, "test"),
        lambda row: db.session.delete(row),
    ]
    gone: list[str] = []

    def meanwhile(address: str) -> str | None:
        # Called in the server's thread, between our DATA and its 250.
        place = readers.index(address) + 1
        if place < len(readers) and place % 2:
            with app.app_context():
                ways[place // 2 % len(ways)](db.session.get_one(NewsletterSubscription, ids[readers[place]]))
                db.session.commit()
            gone.append(readers[place])
        return None

    sink.at_data = meanwhile
    leg(app, issue_id)
    assert len(gone) == 6
    assert set(sink.counts()) == set(readers) - set(gone)
    assert finished(issue_id)


def test_two_senders_share_the_work(app: Flask, sink: Sink, make_article: Any) -> None:
    """The same leg twice at once (a machine that was taken for dead wakes up): at most the letter in hand repeats."""
    import threading

    make_article()
    readers = [f"r{number:03}@r.example" for number in range(60)]
    subscribe(*readers)
    issue_id = start()
    both = [threading.Thread(target=jobs.run, args=(app, "newsletter.deliver", [issue_id, 1])) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    if not finished(issue_id):
        leg(app, issue_id)
    assert set(sink.counts()) == set(readers)
    assert len(sink.mails) <= 61


def test_sending_again_while_the_worker_is_down_leaves_one_leg(app: Flask, sink: Sink, make_article: Any) -> None:
    """Two jobs of one leg would take each other's letter in hand back into the queue."""
    make_article()
    subscribe("ann@r.example", "bob@r.example")
    issue_id = start()
    with time_machine.travel(clock.now() + timedelta(minutes=6), tick=True):
        issues.revive(clock.now(), late=timedelta(minutes=5))
        db.session.commit()
        queued = [args for _, name, args in jobs.waiting(app) if name == "newsletter.deliver"]
        assert len(queued) == 2
        assert len({turn for _, turn in queued}) == 2
        for args in queued:
            jobs.run(app, "newsletter.deliver", args)
    assert sink.counts() == {"ann@r.example": 1, "bob@r.example": 1}
    assert finished(issue_id)


def test_a_leg_whose_turn_was_given_away_meanwhile_queues_no_other(app: Flask, sink: Sink, make_article: Any) -> None:
    make_article()
    subscribe("ann@r.example", "bob@r.example")
    issue_id = start()

    def meanwhile(address: str) -> str | None:
        if address == "ann@r.example":
            with app.app_context():
                issues.revive(clock.now(), late=timedelta(0))
                db.session.commit()
        return "451 later"

    sink.at_rcpt = meanwhile
    leg(app, issue_id)
    assert look(sa.select(NewsletterIssue.leg).where(NewsletterIssue.id == issue_id)) == [(2,)]


def test_letters_that_wait_leave_with_what_is_open_then(app: Flask, sink: Sink, make_article: Any, drain: Any) -> None:
    """The mail server is down at six; at eight the article is for members, and another is taken back."""
    closed, gone = make_article("closed", access="free"), make_article("gone", access="free", body="A libel.")
    subscribe("ann@r.example", "bob@r.example")
    sink.at_rcpt = lambda address: "451 later" if address == "bob@r.example" else None
    issue_id = start()
    leg(app, issue_id)
    articles.save(dataclasses.replace(articles.as_written(closed), access="members"), article_id=closed.id)
    articles.unpublish(gone.id)
    db.session.commit()
    sink.at_rcpt = lambda _address: None
    with time_machine.travel(clock.now() + timedelta(hours=2), tick=True):
        leg(app, issue_id)
    found = {str(mail["To"]): mail.get_body(("plain",)).get_content() for mail in sink.mails}
    assert ["QUARTZMILL" in found[name] for name in ("ann@r.example", "bob@r.example")] == [True, False]
    assert ["A libel." in found[name] for name in ("ann@r.example", "bob@r.example")] == [True, False]
    assert "Closed" in found["bob@r.example"]
    assert finished(issue_id)


def test_an_issue_without_a_public_story_is_stopped(app: Flask, sink: Sink, make_article: Any) -> None:
    article = make_article()
    subscribe("ann@r.example")
    issue_id = start()
    articles.unpublish(article.id)
    db.session.commit()
    leg(app, issue_id)
    assert sink.mails == []
    assert states() == {"ann@r.example": "skipped"}
    assert finished(issue_id)


def test_an_editor_stops_an_issue_on_its_way(app: Flask, sink: Sink, make_article: Any, visit: Any, staff: Any) -> None:
    """While the first letter is in hand; that one may be put off, and then stays here as well."""
    make_article()
    subscribe("ann@r.example", "bob@r.example", "cid@r.example")
    issue_id = start()
    day = issues.today().isoformat()
    desk = visit(staff("editor"))
    said: list[str] = []

    def meanwhile(address: str) -> str | None:
        if address != "bob@r.example":
            return None
        with app.app_context():  # called in the mail server's thread
            said.append(desk.submit(f"/admin/newsletter/{day}/stop", follow=True).text)
        return "451 later"

    sink.at_rcpt = meanwhile
    desk.get("/admin/newsletter/")
    leg(app, issue_id)
    assert "2 letters did not leave" in "".join(said)
    assert sink.counts() == {"ann@r.example": 1}
    assert states() == {"ann@r.example": "sent", "bob@r.example": "skipped", "cid@r.example": "skipped"}
    assert finished(issue_id)
    assert desk.post(f"/admin/newsletter/{day}/stop").status == 303
    assert desk.post("/admin/newsletter/2020-01-01/stop").status == 404
    stopped = app.test_cli_runner().invoke(args=["newsletter", "stop"])
    assert (stopped.exit_code, "on its way" in stopped.output) == (1, True)


def test_the_command_stops_it_too(app: Flask, sink: Sink, make_article: Any, drain: Any) -> None:
    make_article()
    subscribe("ann@r.example")
    start()
    assert "1 did not leave" in app.test_cli_runner().invoke(args=["newsletter", "stop"]).output
    drain()
    assert sink.mails == []


def test_a_leg_whose_turn_is_over_does_nothing(app: Flask, sink: Sink, make_article: Any) -> None:
    make_article()
    subscribe("ann@r.example")
    issue_id = start()
    jobs.run(app, "newsletter.deliver", [issue_id, 7])
    assert sink.mails == []
    leg(app, issue_id)
    jobs.run(app, "newsletter.deliver", [issue_id, 1])
    assert len(sink.mails) == 1


def test_an_issue_that_could_not_leave_for_a_day_is_given_up(app: Flask, sink: Sink, make_article: Any) -> None:
    make_article()
    subscribe("ann@r.example")
    sink.at_rcpt = lambda _address: "451 later"
    issue_id = start()
    leg(app, issue_id)
    with time_machine.travel(clock.now() + timedelta(hours=25), tick=True):
        leg(app, issue_id)
    assert states() == {"ann@r.example": "failed"}
    assert finished(issue_id)


SENDER = """
import sys, json
from app import create_app
from kit import jobs
settings = json.loads(sys.argv[1])
app = create_app(settings)
jobs.run(app, "newsletter.deliver", [int(sys.argv[2]), 1])
"""


@pytest.mark.slow
def test_killed_senders_miss_nobody_and_repeat_at_most_the_letter_in_hand(
    app: Flask, sink: Sink, make_article: Any, databases: Any, database: str
) -> None:
    """F8: kill -9 in the midst of it, again and again; the next run takes up what was left."""
    import json

    from tests.conftest import app_settings

    make_article()
    readers = [f"r{number:04}@r.example" for number in range(400)]
    subscribe(*readers)
    issue_id = start()
    sink.slow = 0.004
    settings = json.dumps({**app_settings(databases.url(database)), "SMTP_URL": sink.url})  # type: ignore[attr-defined]
    kills = 0
    for stop_at in (1, 60, 61, 140, 260):
        with subprocess.Popen(
            [sys.executable, "-c", SENDER, settings, str(issue_id)], cwd=ROOT, env={**os.environ, "LOG_LEVEL": "ERROR"}
        ) as sender:
            until(lambda at=stop_at: len(sink.mails) >= at, seconds=90, what=f"letter {stop_at}")
            sender.send_signal(signal.SIGKILL)
        kills += 1
    assert not finished(issue_id)
    sink.slow = 0.0
    leg(app, issue_id)
    assert finished(issue_id)
    counts = sink.counts()
    assert set(counts) == set(readers), "nobody is missed"
    assert max(counts.values()) <= 2
    assert sum(counts.values()) - len(readers) <= kills
    assert len({mail["Message-ID"] for mail in sink.mails}) == len(readers), "a repeat can be recognised"


def test_a_leg_lets_others_pass(app: Flask, sink: Sink, make_article: Any, drain: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of a leg is up after each letter here: the next leg is queued, and all arrive once."""
    make_article()
    readers = [f"r{number}@r.example" for number in range(5)]
    subscribe(*readers)
    monkeypatch.setattr(newsletter_jobs, "LEG_SECONDS", -1.0)
    issue_id = start()
    assert drain() >= 5
    assert sink.counts() == dict.fromkeys(readers, 1)
    assert finished(issue_id)
