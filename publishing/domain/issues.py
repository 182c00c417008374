"""Issues of the newsletter: which articles stand in one, in which order, and when it may still go out."""

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

ISSUE_STATES = ("draft", "sending", "sent")
DELIVERY_STATES = ("queued", "sending", "sent", "skipped", "refused", "failed")
EDITIONS = ("free", "members")

MOST_ARTICLES = 12
REACHES_BACK = timedelta(days=7)  # after a longer silence an issue does not bring everything since
FIRST_REACHES_BACK = timedelta(days=1)
OLDEST = timedelta(days=1)  # yesterday's issue may still be sent, an older one only when somebody insists

GOES_OUT_AT = time(6)
CATCHES_UP_UNTIL = time(12)  # a worker that was down at six still sends until noon, then asks

GIVE_UP_AFTER = 8  # tries of one recipient
_BREAKS = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")


class Story(Protocol):
    """What is looked at when an issue is laid out."""

    @property
    def id(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def image(self) -> str | None: ...


def window(now: datetime, began: datetime | None) -> tuple[datetime, datetime]:
    """Where an issue made ``now`` looks for stories: a week back, but not before the first issue looked (``began``; None: this is it)."""
    if began is None:
        return now - FIRST_REACHES_BACK, now
    return max(began, now - REACHES_BACK), now


def arrange(stories: Sequence[Story]) -> list[int]:
    """The order of an issue from its stories, newest first: the lead, the other articles, columns, photo stories.

    The lead is the newest article with a picture, else the newest article, else the newest of anything.
    """
    articles = [story for story in stories if story.kind == "article"]
    lead = next((story for story in articles if story.image), None) or next(iter(articles or stories), None)
    if lead is None:
        return []
    ranks = {"article": 0, "column": 1, "photos": 2}
    others = sorted((story for story in stories if story.id != lead.id), key=lambda story: ranks.get(story.kind, 3))
    return [story.id for story in (lead, *others)][:MOST_ARTICLES]


def merged(kept: Iterable[int], found: Iterable[int]) -> list[int]:
    """An order that an editor made, with what came out since at its end."""
    kept = list(kept)
    return kept + [story for story in found if story not in kept]


def one_line(text: str, most: int) -> str:
    """Text that may stand in a header or a heading: no line breaks of any kind, at most ``most`` characters."""
    return " ".join(_BREAKS.sub(" ", text).split())[:most]


def may_go(day: date, now: datetime, zone: ZoneInfo, *, forced: bool = False) -> bool:
    """May the issue of ``day`` be sent now? Never ahead of its day; an old one only when forced."""
    today = now.astimezone(zone).date()
    return day <= today and (forced or today - day <= OLDEST)


def goes_by_itself(now: datetime, zone: ZoneInfo) -> bool:
    """Is this an hour in which the day's issue goes out without anybody (between six and noon, by the wall clock)?"""
    return GOES_OUT_AT <= now.astimezone(zone).time() < CATCHES_UP_UNTIL


def next_try(attempts: int, now: datetime) -> datetime | None:
    """When a recipient is tried again after ``attempts`` temporary refusals (1, 2, 4 ... 60 minutes); None: given up."""
    if attempts >= GIVE_UP_AFTER:
        return None
    return now + timedelta(minutes=min(60, 2 ** max(0, attempts - 1)))


def pause(setbacks: int) -> float:
    """Seconds to wait when the mail server itself cannot be used: 15 doubling to 15 minutes."""
    return float(min(900, 15 * 2 ** min(setbacks, 10)))
