"""The day's issue: what stands in it, what each edition shows of it, and who may send it."""

import dataclasses
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
import time_machine
from flask import Flask

from kit import clock, jobs
from kit.database import db
from publishing import articles
from publishing.domain.problems import Refused
from publishing.models import Article, NewsletterDelivery, NewsletterEdition, NewsletterIssue
from publishing.newsletter import editions, issues
from tests.publishing.test_newsletter_delivery import start, states, subscribe

MORNING = datetime(2026, 11, 22, 11, 30, tzinfo=UTC)  # half past six in New York
CANARY = "QUARTZMILL"  # stands behind the preview of factories.make_article


@pytest.fixture
def at() -> Any:
    with time_machine.travel(MORNING, tick=False) as traveller:
        yield traveller


@pytest.fixture
def sent(app: Flask, drain: Callable[..., int]) -> Callable[[], dict[str, Any]]:
    """``sent()``: run the queue; each recipient's newest letter."""

    def run() -> dict[str, Any]:
        drain()
        return {str(mail["To"]): mail for mail in app.extensions["sent_mail"]}

    return run


def everything(mail: Any) -> str:
    """All that a recipient could find in a letter: headers, both halves, the source."""
    return "\n".join(
        [
            *(f"{name}: {value}" for name, value in mail.items()),
            mail.get_body(("plain",)).get_content(),
            mail.get_body(("html",)).get_content(),
            mail.as_string(),
        ]
    )


# ---- what stands in an issue ----


def test_an_issue_has_what_came_out_since_the_last(make_article: Any, at: Any) -> None:
    make_article("old", at=MORNING - timedelta(days=2))
    make_article("lead", at=MORNING - timedelta(hours=3), image="/media/x.webp")
    make_article("later", at=MORNING - timedelta(hours=1))
    make_article("column", kind="column", at=MORNING - timedelta(hours=2))
    make_article("ahead", at=MORNING + timedelta(hours=2))
    done = issues.prepare(date(2026, 11, 22))
    assert done.outcome == "new"
    assert done.issue is not None
    assert [story.slug for story in editions.stories_of(done.issue)] == ["lead", "later", "column"]
    assert done.issue.subject == "Lead"
    issues.start(date(2026, 11, 22))
    db.session.commit()

    at.shift(timedelta(days=1))
    done = issues.prepare(date(2026, 11, 23))
    assert done.issue is not None
    assert [story.slug for story in editions.stories_of(done.issue)] == ["ahead"]
    issues.start(date(2026, 11, 23))
    db.session.commit()
    at.shift(timedelta(days=1))
    assert issues.prepare(date(2026, 11, 24)).outcome == "empty"


def test_preparing_again_adds_and_keeps_the_editors_work(make_article: Any, at: Any) -> None:
    first, second = make_article("first"), make_article("second", at=MORNING - timedelta(minutes=5))
    issue = issues.prepare(issues.today()).issue
    assert issue is not None
    issues.edit(issue, subject="Hers", intro="Good morning.", article_ids=[first.id])
    db.session.commit()
    assert issues.prepare(issues.today()).outcome == "unchanged", "what she took out stays out"
    at.shift(600)
    third = make_article("third", at=clock.now() - timedelta(minutes=1))
    assert issues.prepare(issues.today()).outcome == "updated"
    assert (issue.subject, issue.article_ids) == ("Hers", [first.id, third.id])
    assert second.id not in issue.article_ids


def slugs(issue: NewsletterIssue | None) -> list[str]:
    assert issue is not None
    return sorted(story.slug for story in editions.stories_of(issue))


def test_a_draft_that_was_only_looked_at_swallows_nothing(make_article: Any, at: Any) -> None:
    make_article("monday")
    issues.prepare(issues.today())
    issues.switch(True, "editor@desk.example")
    db.session.commit()
    at.shift(timedelta(hours=23, minutes=30))
    make_article("tuesday", at=clock.now() - timedelta(minutes=1))
    assert slugs(issues.run_daily()) == ["monday", "tuesday"]
    db.session.commit()
    with pytest.raises(Refused, match="another issue"):
        issues.start(date(2026, 11, 22))
    db.session.rollback()
    at.shift(timedelta(days=1))
    assert issues.prepare(issues.today()).outcome == "empty"


def test_two_drafts_with_one_story_send_it_once(make_article: Any, at: Any) -> None:
    make_article("monday")
    issues.prepare(issues.today())
    db.session.commit()
    at.shift(timedelta(hours=23))
    make_article("tuesday", at=clock.now() - timedelta(minutes=1))
    assert slugs(issues.prepare(issues.today()).issue) == ["monday", "tuesday"]
    assert slugs(issues.start(date(2026, 11, 22))[0]) == ["monday"]
    assert slugs(issues.start(issues.today())[0]) == ["tuesday"]


def test_what_comes_out_under_an_earlier_date_comes_in_the_next(make_article: Any, at: Any) -> None:
    """A draft that was dated at six and published at nine, an article that was taken back over the morning, an import."""
    first, back = make_article("first"), make_article("back")
    issue = issues.prepare(issues.today()).issue
    assert issue is not None
    taken_out = make_article("taken-out")
    issues.prepare(issues.today())
    issues.edit(issue, subject="x", intro="", article_ids=[first.id, back.id])
    articles.unpublish(back.id)
    start()
    articles.publish(back.id, clock.now())
    make_article("late", at=MORNING - timedelta(hours=6))
    make_article("before-the-first-letter", at=MORNING - timedelta(days=2))
    at.shift(timedelta(days=1))
    assert slugs(issues.prepare(issues.today()).issue) == ["back", "late"]
    assert taken_out.id not in issue.article_ids


def test_a_draft_whose_stories_were_all_taken_back_can_be_looked_at(make_article: Any, staff: Any, visit: Any, at: Any) -> None:
    article = make_article()
    issues.prepare(issues.today())
    articles.unpublish(article.id)
    db.session.commit()
    assert visit(staff("editor")).get("/admin/newsletter/2026-11-22/free").status == 200


def test_one_issue_a_day(make_article: Any, at: Any) -> None:
    make_article()
    issues.prepare(issues.today())
    db.session.commit()
    with pytest.raises(sa.exc.IntegrityError):
        db.session.execute(
            sa.insert(NewsletterIssue).values(
                day=issues.today(), subject="x", covers_from=MORNING, covers_until=MORNING, created_at=MORNING
            )
        )
    db.session.rollback()


def test_one_row_a_recipient(make_article: Any, at: Any) -> None:
    make_article()
    subscribe("ann@r.example")
    start()
    row = db.session.scalars(sa.select(NewsletterDelivery)).one()
    with pytest.raises(sa.exc.IntegrityError):
        db.session.execute(sa.insert(NewsletterDelivery).values(issue_id=row.issue_id, subscription_id=row.subscription_id, due_at=MORNING))
    db.session.rollback()


# ---- the gate ----


def test_no_gated_word_leaves_in_the_free_edition(
    make_article: Any, member: Any, make_account: Any, staff: Any, sent: Any, at: Any
) -> None:
    make_article("gated")
    make_article("metered", access="metered", at=MORNING - timedelta(minutes=30))
    make_article(
        "open", access="free", body="First.\n\n<!-- more -->\n\nThe free rest says OPENWORD.\n", at=MORNING - timedelta(minutes=20)
    )
    member("member@r.example")
    make_account("reader@r.example")
    member(
        "lapsed@r.example",
        until=MORNING - timedelta(days=40),
        ended_at=MORNING - timedelta(days=9),
        status="canceled",
        started_at=MORNING - timedelta(days=70),
    )
    staff("editor")
    subscribe("Member@r.example", "reader@r.example", "lapsed@r.example", "stranger@r.example", "editor@desk.example")
    start()
    letters = sent()
    for email in ("reader@r.example", "lapsed@r.example", "stranger@r.example"):
        assert CANARY not in everything(letters[email])
        assert "OPENWORD" in everything(letters[email])
        assert "Read on: the rest is for members" in letters[email].get_body(("html",)).get_content()
    for email in ("Member@r.example", "editor@desk.example"):
        for half in ("plain", "html"):
            assert letters[email].get_body((half,)).get_content().count(CANARY) == 2


def test_standing_is_asked_when_the_letter_leaves(make_article: Any, member: Any, make_account: Any, sent: Any, at: Any) -> None:
    from membership import memberships
    from tests.factories import subscription_snapshot

    make_article()
    member("ends@r.example", until=MORNING + timedelta(minutes=10), ends_at=MORNING + timedelta(minutes=10))
    joins = make_account("joins@r.example")
    make_account("unproven@r.example", confirmed=False)
    subscribe("ends@r.example", "joins@r.example", "unproven@r.example")
    start()
    at.shift(timedelta(hours=1))
    memberships.follow(joins.id, subscription_snapshot("sub_late"))
    db.session.commit()
    found = {email: CANARY in everything(mail) for email, mail in sent().items()}
    assert found == {"ends@r.example": False, "joins@r.example": True, "unproven@r.example": False}


def test_an_unproven_account_opens_nothing(make_article: Any, member: Any, sent: Any, at: Any) -> None:
    """Somebody pays with the address of somebody else: the letter to that address stays the free one until it is proved."""
    make_article()
    account = member("ann@r.example")
    account.confirmed_at = None
    subscribe("ann@r.example")
    start()
    assert CANARY not in everything(sent()["ann@r.example"])


def test_the_archive_has_the_free_edition_only(make_article: Any, member: Any, visit: Any, sent: Any, at: Any) -> None:
    article = make_article()
    subscribe("ann@r.example")
    start()
    sent()
    for visitor in (visit(), visit(member())):
        page = visitor.get("/newsletter/issues/2026-11-22")
        assert page.status == 200
        assert "The weir was built in 1871." in page.text
        assert CANARY not in page.html
        assert "The weir" in visitor.get("/newsletter/issues/").text
    for odd in ("2026-11-21", "20261122", "2026-11-22x", "x", "2026-13-01"):
        assert visit().get(f"/newsletter/issues/{odd}").status == 404
    articles.unpublish(article.id)
    db.session.commit()
    assert "The weir was built" not in visit().get("/newsletter/issues/2026-11-22").html, "taken back is taken back"


OPEN_FIRST = "Open.\n\nThe paid paragraph says QUARTZMILL.\n\n<!-- more -->\n\nRest.\n"
OPEN_LESS = "Open.\n\n<!-- more -->\n\nThe paid paragraph says QUARTZMILL.\n\nRest.\n"


def change(article: Any, **values: Any) -> None:
    """Save the article anew, as an editor who changed these fields."""
    articles.save(dataclasses.replace(articles.as_written(article), **values), article_id=article.id)
    db.session.commit()


@pytest.mark.parametrize(
    ("before", "after"),
    [({"access": "free"}, {"access": "members"}), ({"access": "free"}, {"access": "metered"}), ({"body": OPEN_FIRST}, {"body": OPEN_LESS})],
)
def test_the_archive_closes_when_the_article_closes(
    make_article: Any, visit: Any, sent: Any, at: Any, before: dict[str, str], after: dict[str, str]
) -> None:
    """Free on the day, members later; or the break stood too low and was moved up."""
    article = make_article(**before)
    subscribe("ann@r.example")
    start()
    assert CANARY in everything(sent()["ann@r.example"])
    change(article, **after)
    page = visit().get("/newsletter/issues/2026-11-22")
    assert "The weir" in page.text
    assert CANARY not in page.html


def test_what_was_no_longer_public_at_six_does_not_come_into_the_issue_later(make_article: Any, visit: Any, at: Any) -> None:
    article = make_article("first")
    make_article("second")
    issues.prepare(issues.today())
    articles.unpublish(article.id)
    start()
    articles.publish(article.id, clock.now())
    db.session.commit()
    assert "First" not in visit().get("/newsletter/issues/2026-11-22").text


def test_a_draft_is_nobodys_business(make_article: Any, visit: Any, at: Any) -> None:
    make_article()
    issues.prepare(issues.today())
    db.session.commit()
    assert visit().get("/newsletter/issues/2026-11-22").status == 404
    assert "No issue has been sent" in visit().get("/newsletter/issues/").text


def test_a_frozen_issue_does_not_change(make_article: Any, sent: Any, at: Any) -> None:
    article = make_article()
    subscribe("ann@r.example")
    start()
    db.session.execute(sa.update(Article).where(Article.id == article.id).values(title="Changed", preview_html="<p>Changed</p>"))
    db.session.commit()
    assert "Changed" not in everything(sent()["ann@r.example"])


def test_a_letter_stays_below_the_size_at_which_it_is_cut(make_article: Any, at: Any) -> None:
    for number in range(12):
        make_article(
            f"long-{number}",
            access="free",
            body="Preview.\n\n<!-- more -->\n\n" + "Many words of a long story. " * 900,
            at=MORNING - timedelta(minutes=number),
        )
    issue = issues.prepare(issues.today()).issue
    assert issue is not None
    said = editions.compose(issue, editions.stories_of(issue), "members")
    assert 50_000 < len(said.html.encode()) < 102_000
    assert [story["goes_on"] for story in said.content["stories"]] == [False] * 2 + [True] * 10


def test_addresses_in_a_letter_are_whole(make_article: Any, at: Any) -> None:
    body = "Go [there](/topics/river/).\n\n<!-- more -->\n\n![A mill](/media/mill.webp)\n\n[^1] note\n\n[^1]: x\n"
    make_article(access="free", body=body)
    issue = issues.prepare(issues.today()).issue
    assert issue is not None
    html = editions.compose(issue, editions.stories_of(issue), "free").html
    assert 'href="http://localhost/topics/river/"' in html
    assert 'src="http://localhost/media/mill.webp"' in html
    assert 'href="/' not in html
    assert 'src="/' not in html
    assert "prefers-color-scheme: dark" in html


def test_what_an_editor_types_is_text(make_article: Any, at: Any) -> None:
    make_article(title="<b>Bold</b> & co", summary="<script>x</script>")
    issue = issues.prepare(issues.today()).issue
    assert issue is not None
    issues.edit(issue, subject="<i>x</i>", intro="<script>alert(1)</script>", article_ids=issue.article_ids)
    html = editions.compose(issue, editions.stories_of(issue), "free").html
    assert "<script" not in html
    assert "<b>" not in html
    assert "<i>" not in html


# ---- by itself ----


def test_off_unless_the_editor_switches_it_on(make_article: Any, at: Any) -> None:
    make_article()
    subscribe("ann@r.example")
    assert issues.run_daily() is None
    issues.switch(True, "editor@desk.example")
    assert issues.run_daily() is not None
    db.session.commit()
    assert issues.run_daily() is None, "once a day"


@pytest.mark.parametrize(("hour", "goes"), [(5, False), (6, True), (11, True), (12, False), (23, False)])
def test_at_six_and_not_at_night(make_article: Any, at: Any, hour: int, goes: bool) -> None:
    issues.switch(True, "editor@desk.example")
    at.move_to(datetime(2026, 11, 22, 5, 5, tzinfo=UTC) + timedelta(hours=hour))
    make_article()
    assert (issues.run_daily() is not None) is goes


def test_a_leg_that_lost_its_job_is_revived(app: Flask, make_article: Any, sent: Any, at: Any) -> None:
    make_article()
    subscribe("ann@r.example")
    start()
    for workflow_id, _name, _args in jobs.waiting(app):
        jobs.client().cancel_workflow(workflow_id)
    assert sent() == {}
    at.shift(timedelta(minutes=40))
    jobs.run(app, "newsletter.daily", [])
    assert list(sent()) == ["ann@r.example"]


# ---- the newsroom's page and the commands ----


def test_an_editor_makes_reads_and_sends_it(make_article: Any, staff: Any, visit: Any, sent: Any, at: Any) -> None:
    make_article("first")
    make_article("second", at=MORNING - timedelta(minutes=5))
    subscribe("ann@r.example")
    desk = visit(staff("editor"))
    desk.get("/admin/newsletter/")
    page = desk.submit("/admin/newsletter/prepare", follow=True)
    fields = page.form("/admin/newsletter/2026-11-22").fields
    assert fields["subject"] == "Second"
    first, second = (db.session.scalars(sa.select(Article.id).where(Article.slug == slug)).one() for slug in ("first", "second"))
    page = desk.submit(
        "/admin/newsletter/2026-11-22",
        follow=True,
        **{"subject": "Morning", "intro": "Hello.", f"place-{first}": "1", f"place-{second}": "2"},
    )
    issue = issues.of_day(date(2026, 11, 22))
    assert issue is not None
    assert (issue.subject, issue.intro, issue.article_ids) == ("Morning", "Hello.", [first, second])

    free, members = (desk.get(f"/admin/newsletter/2026-11-22/{edition}") for edition in ("free", "members"))
    assert CANARY not in free.html
    assert CANARY in members.html
    assert "sandbox" in free.headers["Content-Security-Policy"]
    assert CANARY not in desk.get("/admin/newsletter/2026-11-22/free?as=text").html

    desk.get("/admin/newsletter/")
    page = desk.submit("/admin/newsletter/2026-11-22/send")
    assert page.status == 422
    assert "read both editions" in page.text
    page = desk.submit("/admin/newsletter/2026-11-22/send", read="yes", follow=True)
    assert "goes out to 1 reader" in page.text
    assert list(sent()) == ["ann@r.example"]
    assert states() == {"ann@r.example": "sent"}


@pytest.mark.parametrize("wrong", [{"subject": ""}, {"subject": "x" * 201}, {"intro": "x" * 2001}])
def test_an_editors_mistake_stays_in_the_form(make_article: Any, staff: Any, visit: Any, at: Any, wrong: dict[str, str]) -> None:
    make_article()
    desk = visit(staff("editor"))
    desk.get("/admin/newsletter/")
    desk.submit("/admin/newsletter/prepare", follow=True)
    page = desk.submit("/admin/newsletter/2026-11-22", **wrong)
    assert page.status == 422
    (name,) = wrong
    assert page.errors()[name]
    assert page.form("/admin/newsletter/2026-11-22").fields[name] == wrong[name]


def test_the_newsrooms_page_is_the_newsrooms(visit: Any, make_account: Any, staff: Any, at: Any) -> None:
    assert visit().get("/admin/newsletter/").status == 303
    assert visit(make_account()).get("/admin/newsletter/").status == 404
    assert visit(staff("finance")).get("/admin/newsletter/").status == 403
    desk = visit(staff("owner"))
    desk.get("/admin/newsletter/")
    assert "six" in desk.submit("/admin/newsletter/auto-send", follow=True).text
    assert issues.goes_by_itself()


def test_commands(app: Flask, make_article: Any, sent: Any, at: Any) -> None:
    run = app.test_cli_runner().invoke
    assert "Nothing was published" in run(args=["newsletter", "prepare"]).output
    assert run(args=["newsletter", "preview"]).exit_code == 1
    assert run(args=["newsletter", "send", "--yes"]).exit_code == 1
    make_article()
    subscribe("ann@r.example")
    assert '"outcome": "new"' in run(args=["newsletter", "prepare", "--json"]).output
    assert CANARY not in run(args=["newsletter", "preview"]).output
    assert CANARY in run(args=["newsletter", "preview", "--edition", "members"]).output
    assert "<html" in run(args=["newsletter", "preview", "--html"]).output
    assert run(args=["newsletter", "send"], input="n\n").exit_code == 1
    assert states() == {}
    assert "1 letter queued" in run(args=["newsletter", "send", "--yes"]).output
    assert list(sent()) == ["ann@r.example"]
    assert "started before" in run(args=["newsletter", "send", "--yes"]).output
    assert run(args=["newsletter", "prepare", "--date", "2026-12-24"]).exit_code == 2
    assert run(args=["newsletter", "unsubscribe", "ann@r.example"]).output == "Unsubscribed.\n"
    assert run(args=["newsletter", "unsubscribe", "bob@r.example"]).exit_code == 1
    assert run(args=["newsletter", "unsubscribe", "bob"]).exit_code == 2


def test_an_old_issue_wants_force(app: Flask, make_article: Any, sent: Any, at: Any) -> None:
    make_article()
    subscribe("ann@r.example")
    issues.prepare(issues.today())
    db.session.commit()
    at.shift(timedelta(days=2))
    run = app.test_cli_runner().invoke
    refused = run(args=["newsletter", "send", "--date", "2026-11-22", "--yes"])
    assert (refused.exit_code, "more than a day old" in refused.output) == (1, True)
    assert run(args=["newsletter", "send", "--date", "2026-11-22", "--yes", "--force"]).exit_code == 0
    assert list(sent()) == ["ann@r.example"]


def test_the_development_mailbox_shows_letters(app: Flask, make_article: Any, client: Any, sent: Any, at: Any) -> None:
    make_article()
    subscribe("ann@r.example", "x\r\nBcc: all@x.example")
    start()
    for _ in range(2):  # before it was sent, and after
        (mail,) = client.get("/_dev/mailbox.json").json
        assert mail["to"] == "ann@r.example"
        assert mail["headers"]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert "/newsletter/unsubscribe/" in mail["text"]
        assert client.get("/_dev/mailbox").status_code == 200
        sent()


def test_no_public_page_can_load_the_members_edition() -> None:
    """The model of frozen editions is named in these modules and nowhere else."""
    from pathlib import Path

    root = Path(__file__).resolve().parents[2]
    naming = {
        str(path.relative_to(root))
        for room in ("kit", "membership", "publishing", "payments", "reports")
        for path in (root / room).rglob("*.py")
        if "NewsletterEdition" in path.read_text()
    }
    assert naming == {
        "publishing/models/__init__.py",
        "publishing/models/newsletter.py",
        "publishing/newsletter/delivery.py",
        "publishing/newsletter/editions.py",
        "publishing/newsletter/issues.py",
        "publishing/newsletter/mailbox.py",
    }
    assert NewsletterEdition.__tablename__ == "newsletter_edition"
