"""The publication's texts: the written ones from content/, the deep archive from its grammar."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from demo import archive
from kit.formats import zone
from publishing import articles
from publishing.domain import articles as rules
from publishing.domain import front_matter
from publishing.domain.articles import ArticleFields

AT_ONCE = 200
CONTENT = Path(__file__).parent / "content"


def written() -> list[ArticleFields]:
    """The files of content/, checked. Raises publishing.domain.problems.Refused on a fault in one."""
    found = []
    for path in sorted(CONTENT.glob("*.md")):
        values, body, _ = front_matter.split(path.read_text(encoding="utf-8"))
        found.append(rules.accept({**values, "body": body}, zone()))
    return found


def dated(pieces: list[ArticleFields], now: datetime) -> Iterator[ArticleFields]:
    """The texts with new instants: all dates move by whole days so that the newest is today's, in the order of the files' dates.

    The demo plays in the present: whoever loads it next year reads the same news of the same morning. Only pieces of one
    day are told apart by the hour, and nothing lies ahead of ``now``.
    """
    here = zone()
    today = now.astimezone(here).date()
    newest = max(piece.published_at for piece in pieces if piece.published_at).astimezone(here).date()
    for place, piece in enumerate(sorted(pieces, key=lambda piece: (piece.published_at or now, piece.slug), reverse=True)):
        assert piece.published_at is not None
        day = piece.published_at.astimezone(here).date() + (today - newest)
        at = datetime.combine(day, time(6, 10 + place % 45), here).astimezone(UTC)
        yield replace(piece, published_at=min(at, now - timedelta(minutes=place + 1)))


def from_archive(seed: int, now: datetime, years: int) -> Iterator[ArticleFields]:
    """The archive's pieces as articles; the first paragraph is the preview, as everywhere."""
    for piece in archive.build(seed=seed, now=now, zone=zone(), years=years):
        yield ArticleFields(
            title=piece.title,
            slug=piece.slug,
            kind="article",
            topic=piece.topic,
            author=piece.author,
            access=piece.access,
            summary=piece.summary,
            image="",
            body="\n\n".join(piece.paragraphs) + "\n",
            published_at=piece.at,
        )


def publish(texts: Sequence[ArticleFields], step: Callable[[int], object]) -> None:
    """Through publishing's own verb, some at a time so that the progress shows; the caller commits."""
    for start in range(0, len(texts), AT_ONCE):
        batch = texts[start : start + AT_ONCE]
        articles.bring_in(batch)
        step(len(batch))
