"""Editions: what the letter says. Both are composed by the same function; only what the gate opens differs.

Nobody in particular reads an edition, so the gate is asked twice as plain questions: what does a member read, what
does somebody who is none. A metered article counts as closed for the latter: a letter cannot count its readers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import nh3
from flask import current_app

from kit.mail import render_mail
from kit.settings import settings
from kit.stencil import gap
from kit.urls import public_url
from membership.domain import paywall
from membership.domain.paywall import Meter
from publishing import articles, listings, metadata
from publishing.domain.plain import text_of
from publishing.models.newsletter import NewsletterIssue

TOKEN = "token"  # noqa: S105 - the name of the gap in which each recipient's own token will stand
MOST_CHARACTERS = 60_000  # of articles' HTML; with its styles the letter stays below the 102 kB at which Gmail cuts

_TAGS = set("p h2 h3 h4 em strong s a img figure figcaption blockquote ul ol li pre code hr br table thead tbody tr th td sup".split())  # noqa: SIM905
_ATTRIBUTES = {"a": {"href"}, "img": {"src", "alt", "width", "height"}, "ol": {"start"}}


@dataclass(frozen=True)
class Said:
    """An edition: what it is made of (for the archive's page), and the letter as text and HTML, with gaps for tokens."""

    content: dict[str, Any]
    subject: str
    text: str
    html: str


def compose(issue: NewsletterIssue, stories: Sequence[listings.Card], edition: str) -> Said:
    """The edition "free" or "members" of an issue as it is now."""
    room = MOST_CHARACTERS
    told = []
    for story in stories:
        story_said = _story(story, edition, room)
        room -= len(story_said["body"])
        told.append(story_said)
    content = {"day": issue.day.isoformat(), "subject": issue.subject, "intro": issue.intro, "edition": edition, "stories": told}
    subject, text, html = render_mail("newsletter", issue=issue, **content_for_letter(content), **_addresses(issue))
    return Said(content, subject, text, html or "")


def content_for_letter(content: dict[str, Any]) -> dict[str, Any]:
    """Frozen content with each story's text beside its HTML, for the templates."""
    stories = [{**story, "text": text_of(story["body"])} for story in content["stories"]]
    return {"edition": content["edition"], "subject": content["subject"], "intro": content["intro"], "stories": stories}


def _story(story: listings.Card, edition: str, room: int) -> dict[str, Any]:
    access = paywall.decide(story.access, entitled=edition == "members", staff=False, meter=Meter(0, 0))
    address = public_url("articles.show", slug=story.slug)
    body, whole = _mailable(articles.body_for(story, access), address), access.in_full
    if whole and len(body) > room:
        body, whole = _mailable(story.preview_html, address), False  # the letter is full: the preview, and the way to the rest
    return {
        "id": story.id,
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
        "closed": not access.in_full,
    }


def _mailable(html: str, address: str) -> str:
    """Sanitised HTML with whole addresses: a mail has no place of its own from which "/media/x" could be found."""
    return nh3.clean(html, tags=_TAGS, attributes=_ATTRIBUTES, link_rel=None, url_relative=("rewrite_with_base", address))


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
