"""Issues: made from the day's articles, looked over by an editor, then frozen and started, once a day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Literal

from sqlalchemy import func, select, update

from kit import clock, jobs
from kit.database import db, insert_ignoring
from kit.formats import zone
from publishing import listings
from publishing.domain import issues as rules
from publishing.domain.problems import Problem, Refused, mark
from publishing.models.articles import Article
from publishing.models.newsletter import NewsletterDelivery, NewsletterEdition, NewsletterIssue, NewsletterSettings, NewsletterSubscription
from publishing.newsletter import delivery, editions

_OUT = NewsletterIssue.state.in_(("sending", "sent"))
STALLED = timedelta(minutes=30)  # a leg that is this late has lost its job


@dataclass(frozen=True)
class Prepared:
    """``outcome``: "new", "updated", "unchanged" (nothing came out since), "empty" (no issue) or "started" (too late)."""

    outcome: Literal["new", "updated", "unchanged", "empty", "started"]
    issue: NewsletterIssue | None


def today() -> date:
    """The day by the publication's calendar."""
    return clock.now().astimezone(zone()).date()


def of_day(day: date, *, lock: bool = False) -> NewsletterIssue | None:
    """That day's issue."""
    query = select(NewsletterIssue).where(NewsletterIssue.day == day).execution_options(populate_existing=lock)
    return db.session.scalars(query.with_for_update() if lock else query).one_or_none()


def prepare(day: date) -> Prepared:
    """Make the day's issue from what stood in none that went out, or add to its draft what came out since.

    What an editor chose, ordered or took out stays so. Refused (field "day") for a day that has not come.
    """
    now = _closing(day)
    issue = of_day(day, lock=True)
    if issue is not None and issue.state != "draft":
        return Prepared("started", issue)
    began = db.session.scalar(select(NewsletterIssue.covers_from).order_by(NewsletterIssue.day).limit(1))
    since, until = rules.window(now, began)
    known = _offered(since.date()) | set(issue.offered_ids if issue else ())
    found = list(db.session.execute(listings.newest(until, Article.published_at > since, Article.id.not_in(known)).limit(50)))
    order, offered = rules.arrange(found), [story.id for story in found]
    if issue is not None:
        kept, issue.article_ids, issue.covers_until = issue.article_ids, rules.merged(issue.article_ids, order), until
        issue.offered_ids = [*issue.offered_ids, *offered]
        return Prepared("updated" if kept != issue.article_ids else "unchanged", issue)
    if not order:
        return Prepared("empty", None)
    words = {"subject": _title_of(order[0]), "intro": ""}
    values = {"day": day, "state": "draft", **words, "article_ids": order, "offered_ids": offered, "covers_from": since}
    # Two schedulers at six o'clock: one of them makes it (safety C04).
    made: Any = db.session.execute(
        insert_ignoring(NewsletterIssue).values(**values, covers_until=until, leg=0, setbacks=0, created_at=clock.now())
    )
    return Prepared("new" if made.rowcount else "unchanged", of_day(day, lock=True))


def edit(issue: NewsletterIssue, *, subject: str, intro: str, article_ids: Sequence[int]) -> None:
    """Take an editor's words and order. Raises Refused; a started issue is not edited."""
    subject, intro = rules.one_line(subject, 1000), intro.replace("\r\n", "\n").replace("\x00", "").strip()
    problems = {}
    if issue.state != "draft":
        problems["subject"] = Problem(mark("This issue is on its way already: it can no longer be changed."))
    elif not subject:
        problems["subject"] = Problem(mark("An issue needs a subject."))
    elif len(subject) > 200:
        problems["subject"] = Problem(mark("At most %(most)s characters, please."), (("most", 200),))
    if len(intro) > 2000:
        problems["intro"] = Problem(mark("At most %(most)s characters, please."), (("most", 2000),))
    if not article_ids:
        problems["articles"] = Problem(mark("Keep at least one article."))
    if problems:
        raise Refused(problems)
    issue.subject, issue.intro = subject, intro
    issue.article_ids = [number for number in article_ids if number in issue.article_ids]


def start(day: date, *, forced: bool = False) -> tuple[NewsletterIssue, int]:
    """Freeze the issue, queue one row a recipient and the first leg: (issue, recipients). Starting twice starts once.

    Refused (field "day") without an issue, without a public article in it, or when it is too old and not ``forced``.
    """
    issue = of_day(day, lock=True)
    if issue is None:
        raise Refused({"day": Problem(mark("There is no issue for this day. Prepare it first."))})
    if issue.state != "draft":
        return issue, 0
    now = clock.now()
    if not rules.may_go(day, now, zone(), forced=forced):
        raise Refused({"day": Problem(mark("This issue is more than a day old. Nobody wants old news by surprise: send it with --force."))})
    told = _offered(issue.covers_from.date())
    stories = [story for story in editions.stories_of(issue) if story.id not in told]
    if not stories:
        raise Refused({"day": Problem(mark("None of its articles is public any more, or all went out in another issue."))})
    # What is not public now does not come back into it later: the next issue may have it.
    missing = set(issue.article_ids) - {story.id for story in stories}
    issue.article_ids = [story.id for story in stories]
    issue.offered_ids = [number for number in issue.offered_ids if number not in missing]
    for edition in rules.EDITIONS:
        said = editions.compose(issue, stories, edition)
        db.session.add(NewsletterEdition(issue_id=issue.id, edition=edition, content=said.content, text=said.text, html=said.html))
    issue.state, issue.frozen_at, issue.leg, issue.leg_at = "sending", now, 1, now
    db.session.flush()
    recipients = delivery.address(issue, today())
    jobs.enqueue("newsletter.deliver", issue.id, 1, key=f"{issue.id}:1")
    return issue, recipients


def stop(issue: NewsletterIssue) -> int:
    """Begin no letter more of an issue that is on its way; how many stayed. The one in hand may still leave. ``issue`` is locked."""
    if issue.state != "sending":
        return 0
    waiting = update(NewsletterDelivery).where(NewsletterDelivery.issue_id == issue.id, NewsletterDelivery.state.in_(("queued", "sending")))
    stayed: Any = db.session.execute(waiting.values(state="skipped").execution_options(synchronize_session=False))
    issue.state, issue.sent_at = "sent", clock.now()
    return stayed.rowcount


def hold_after_restoring() -> str:
    """After a backup was restored: an issue that waits in it may have been sent since, so nothing goes out by itself.

    What was being sent goes to nobody more; the editor looks, and switches the morning's sending on again.
    """
    sending = select(NewsletterIssue.id).where(NewsletterIssue.state == "sending")
    queued = update(NewsletterDelivery).where(NewsletterDelivery.issue_id.in_(sending), NewsletterDelivery.state.in_(("queued", "sending")))
    db.session.execute(queued.values(state="skipped").execution_options(synchronize_session=False))
    if not goes_by_itself():
        return ""
    db.session.merge(NewsletterSettings(id=1, auto_send=False, changed_at=clock.now(), changed_by="restore"))
    return "The newsletter no longer goes out by itself: look at the last issue, then switch it on again."


def goes_by_itself() -> bool:
    """Did the editor switch on that the issue goes out at six without her?"""
    row = db.session.get(NewsletterSettings, 1)
    return row is not None and row.auto_send


def switch(on: bool, by: str) -> None:
    """Remember the switch, and who threw it."""
    db.session.merge(NewsletterSettings(id=1, auto_send=on, changed_at=clock.now(), changed_by=by))


def run_daily() -> NewsletterIssue | None:
    """What the clock asks every quarter of an hour: send today's issue if it is due, and revive a leg that lost its job."""
    now = clock.now()
    revive(now)
    if not (goes_by_itself() and rules.goes_by_itself(now, zone())):
        return None
    issue = prepare(today()).issue
    return start(today())[0] if issue is not None and issue.state == "draft" else None


def revive(now: datetime, *, late: timedelta = STALLED) -> None:
    """Queue a new leg of an issue that should have moved on. The old one's turn is over, should its job be there after all."""
    stalled = select(NewsletterIssue).where(NewsletterIssue.state == "sending", NewsletterIssue.leg_at < now - late)
    for issue in db.session.scalars(stalled.with_for_update()):
        issue.leg, issue.leg_at = issue.leg + 1, now
        jobs.enqueue("newsletter.deliver", issue.id, issue.leg, key=f"{issue.id}:{issue.leg}")


def readers() -> int:
    """How many would get a letter that is sent now."""
    return db.session.scalar(select(func.count()).select_from(NewsletterSubscription).where(delivery.wants(today()))) or 0


def progress(issue_id: int) -> dict[str, int]:
    """How many deliveries are in each state."""
    query = select(NewsletterDelivery.state, func.count()).where(NewsletterDelivery.issue_id == issue_id)
    found = {row[0]: row[1] for row in db.session.execute(query.group_by(NewsletterDelivery.state))}
    return {state: found.get(state, 0) for state in rules.DELIVERY_STATES}


def _offered(since: date) -> set[int]:
    """Articles that issues of these days and later offered, and that went out: they come in no other."""
    lists = db.session.scalars(select(NewsletterIssue.offered_ids).where(_OUT, NewsletterIssue.day >= since - timedelta(days=1)))
    return {number for numbers in lists for number in numbers}


def _closing(day: date) -> datetime:
    """Until when the issue of ``day`` reads articles: now, or the end of that day."""
    if day > today():
        raise Refused({"day": Problem(mark("This day has not come yet."))})
    midnight = datetime.combine(day + timedelta(days=1), time(), zone()).astimezone(clock.now().tzinfo)
    return min(clock.now(), midnight)


def _title_of(article_id: int) -> str:
    return rules.one_line(db.session.execute(select(Article.title).where(Article.id == article_id)).scalar_one(), 200)
