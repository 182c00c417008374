"""The frame of every page: its masthead, footer and stylesheet links, rendered once a minute and not once a request.

A page's frame is the same for all readers of one kind (visitor, reader, staff) on one day in one language, so
each process keeps it for at most a minute: about twenty links and one look-up of the topics that a member's page
does not pay for. A process that publishes drops its own with the commit; the others follow within the minute.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import Flask, current_app, get_flashed_messages, render_template, request, url_for
from markupsafe import Markup
from sqlalchemy import event
from sqlalchemy.orm import Session

from kit import clock, formats
from kit.database import db
from kit.formats import date_text, local
from membership import readers

T = TypeVar("T")
KEPT_SECONDS = 60.0
MOST_TOPICS = 6
MOST_KEPT = 500
PARTS = ("head", "masthead", "footer", "article_scripts")


@dataclass(frozen=True)
class Frame:
    """The finished parts, safe HTML each, for a ``kind`` of reader: visitor, reader or staff."""

    kind: str
    language: str
    head: Markup
    masthead: Markup
    footer: Markup
    article_scripts: Markup

    @staticmethod
    def messages() -> Sequence[tuple[str, str]]:
        """Flashed messages, without looking at the session of somebody who has none (her page stays cacheable)."""
        if current_app.config["SESSION_COOKIE_NAME"] not in request.cookies:
            return ()
        return get_flashed_messages(with_categories=True)  # ty: ignore[invalid-explicit-return]


def current_frame() -> Frame:
    """The frame for whoever asks; the template global ``page_frame()``."""
    language = formats.language()
    today = local(clock.now()).date()
    kind = reader_kind()
    return kept(("frame", kind, language, today.isoformat()), lambda: _render(kind, language, today))


def reader_kind() -> str:
    """visitor, reader or staff. A request without cookies is a visitor's: nobody looks at a session for it."""
    who = readers.reader() if request.cookies else None
    if who is None:
        return "visitor"
    return "staff" if who.is_staff else "reader"


def link(endpoint: str, **values: Any) -> str | None:
    """The address of an endpoint, or None where that room is not built in; the template global ``link()``."""
    return url_for(endpoint, **values) if endpoint in current_app.view_functions else None


def kept(key: tuple[str, ...], make: Callable[[], T]) -> T:
    """What ``make`` gave for this key within the last minute in this process."""
    shelf: dict[tuple[str, ...], tuple[float, Any]] = current_app.extensions["frame"]
    until, value = shelf.get(key, (0.0, None))
    if until < time.monotonic():
        value = make()
        if len(shelf) >= MOST_KEPT:
            shelf.clear()
        shelf[key] = (time.monotonic() + KEPT_SECONDS, value)
    return value


def stale() -> None:
    """Something in the frame changed; drop what this process keeps once the change is committed."""
    db.session.info["frame is stale"] = True


def _render(kind: str, language: str, today: Any) -> Frame:
    from publishing import listings

    topics = sorted(listings.topics(clock.now()), key=lambda topic: -topic.articles)[:MOST_TOPICS]
    said = {"kind": kind, "today": today, "today_text": date_text(today, "full"), "topics": sorted(topics, key=lambda topic: topic.name)}
    parts = {part: Markup(render_template(f"frame/{part}.html", **said)) for part in PARTS}  # noqa: S704 - our own templates
    return Frame(kind=kind, language=language.replace("_", "-"), **parts)


def init_app(app: Flask) -> None:
    """Offer ``page_frame()`` and ``link()`` to every template."""
    app.extensions["frame"] = {}
    app.add_template_global(current_frame, "page_frame")
    app.add_template_global(link)


@event.listens_for(Session, "after_commit")
def _drop(session: Session) -> None:
    if session.info.pop("frame is stale", False) and current_app:
        current_app.extensions.get("frame", {}).clear()
