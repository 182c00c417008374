"""Editions: what the letter says. Both are composed by the same function; only what the gate opens differs.

Nobody in particular reads an edition, so the gate is asked twice as plain questions: what does a member read, what
does somebody who is none. A metered article counts as closed for the latter: a letter cannot count its readers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import current_app
from markupsafe import Markup
from sqlalchemy import select

from kit import clock
from kit.database import db
from kit.mail import render_mail
from kit.settings import settings
from kit.stencil import gap
from kit.urls import public_url
from membership.domain import paywall
from membership.domain.paywall import Meter
from publishing import articles, listings, metadata
from publishing.domain.elsewhere import with_whole_addresses
from publishing.domain.plain import text_of
from publishing.models.articles import Article
from publishing.models.newsletter import NewsletterEdition, NewsletterIssue

TOKEN = "token"  # noqa: S105 - the name of the gap in which each recipient's own token will stand
MOST_CHARACTERS = 60_000  # of articles' HTML; with its styles the letter stays below the 102 kB at which Gmail cuts


@dataclass(frozen=True)
class Said:
    """An edition: what it is made of (for the archive's page), and the letter as text and HTML, with gaps for tokens."""

    content: dict[str, Any]
    subject: str
    text: str
    html: str


def stories_of(issue: NewsletterIssue) -> list[listings.Card]:
    """The issue's articles that are public now, in its order."""
    found = db.session.execute(listings.newest(clock.now(), Article.id.in_(issue.article_ids), columns=listings.PUBLIC))
    by_id = {story.id: story for story in found}
    return [by_id[number] for number in issue.article_ids if number in by_id]


def compose(issue: NewsletterIssue, stories: Sequence[listings.Card], edition: str) -> Said:
    """The edition "free" or "members" of an issue as it is now."""
    content = _content(issue, stories, edition)
    subject, text, html = render_mail("newsletter", issue=issue, content=for_templates(content), **_addresses(issue))
    return Said(content, subject, text, html or "")


def in_archive(issue: NewsletterIssue) -> dict[str, Any]:
    """What the archive shows of an issue that went out: its words and order, and of each story what is open to anybody now.

    Not the frozen edition: what was closed or taken back since the morning would stay open there for ever.
    """
    return for_templates(_content(issue, stories_of(issue), "free"))


def renew(issue: NewsletterIssue) -> bool:
    """Tell the frozen editions anew if an article of theirs was changed or taken back since: letters that wait leave with that.

    Who has the letter already keeps what she got. False: none of its stories is public any more.
    """
    if not (stories := stories_of(issue)):
        return False
    versions = [(story.id, story.version) for story in stories]
    for frozen in db.session.scalars(select(NewsletterEdition).where(NewsletterEdition.issue_id == issue.id)):
        if [(story["id"], story.get("version")) for story in frozen.content["stories"]] != versions:
            said = compose(issue, stories, frozen.edition)
            frozen.content, frozen.text, frozen.html = said.content, said.text, said.html
    return True


def shown(issue: NewsletterIssue, edition: str) -> Said:
    """An edition for the newsroom's eyes: frozen, if it is; else as it would be now. The gap stays a gap."""
    frozen = db.session.get(NewsletterEdition, (issue.id, edition))
    if frozen is not None:
        return Said(frozen.content, issue.subject, frozen.text, frozen.html)
    return compose(issue, stories_of(issue), edition)


def for_templates(content: dict[str, Any]) -> dict[str, Any]:
    """Content with each story's HTML marked as safe (it was sanitised when it was composed) and its text beside it."""
    stories = [{**story, "body": Markup(story["body"]), "text": text_of(story["body"])} for story in content["stories"]]  # noqa: S704
    return {**content, "stories": stories}


def _content(issue: NewsletterIssue, stories: Sequence[listings.Card], edition: str) -> dict[str, Any]:
    room = MOST_CHARACTERS
    told = []
    for story in stories:
        story_said = _story(story, edition, room)
        room -= len(story_said["body"])
        told.append(story_said)
    return {"day": issue.day.isoformat(), "subject": issue.subject, "intro": issue.intro, "edition": edition, "stories": told}


def _story(story: listings.Card, edition: str, room: int) -> dict[str, Any]:
    access = paywall.decide(story.access, entitled=edition == "members", staff=False, meter=Meter(0, 0))
    address = public_url("articles.show", slug=story.slug)
    body, whole = with_whole_addresses(articles.body_for(story, access), address), access.in_full
    if whole and len(body) > room:
        body, whole = with_whole_addresses(story.preview_html, address), False  # the letter is full: the preview, and the way to the rest
    return {
        "id": story.id,
        "version": story.version,
        "kind": story.kind,
        "title": story.title,
        "topic": story.topic_name or "",
        "author": story.author,
        "summary": story.summary,
        "address": address,
        "image": metadata.absolute(story.image) if story.image else "",
        "width": story.image_width,
        "height": story.image_height,
        "body": body,
        "goes_on": story.has_more and not whole,
        "closed": story.access == "members" and not access.in_full,
    }


def _addresses(issue: NewsletterIssue) -> dict[str, Any]:
    token = gap(TOKEN)
    offers = "checkout.subscribe" in current_app.view_functions
    return {
        "unsubscribe": public_url("newsletter.unsubscribe", token=token),
        "preferences": public_url("newsletter.preferences", token=token),
        "in_browser": public_url("newsletter.issue", day=issue.day.isoformat()),
        "front": public_url("front.index"),
        "subscribe": public_url("checkout.subscribe") if offers else "",
        "postal_address": settings().get("POSTAL_ADDRESS", ""),
    }
