"""Articles: write, publish, take back, bring in from a file - and the one loader of their text.

R10 of the house: no other module names ArticleBody, so whoever wants to know where a paid paragraph can come
from reads ``body_for`` and is done.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from markupsafe import Markup
from sqlalchemy import bindparam, select

from kit import clock
from kit.database import db
from kit.formats import zone
from kit.statements import Prepared
from publishing import frame, pictures
from publishing.domain import articles as rules
from publishing.domain import front_matter, markdown
from publishing.domain.articles import ArticleFields
from publishing.domain.problems import Problem, Refused, mark
from publishing.domain.slugs import slugify
from publishing.models.articles import Article, ArticleBody, Topic

LARGEST_FILE = 2_000_000  # bytes


# Built once, and of table columns: a member's page pays neither for building it nor for the ORM.
_text = ArticleBody.__table__
_html_of = Prepared(lambda: select(_text.c.html).where(_text.c.article_id == bindparam("wanted")))


class Verdict(Protocol):
    """What membership.paywall.open_article answers; only "full" and "metered" open the text."""

    @property
    def level(self) -> str: ...


class PublicPart(Protocol):
    """An Article or a row of its public columns."""

    id: int
    preview_html: str


@dataclass(frozen=True)
class Imported:
    """What became of a file: ``outcome`` is "new", "updated" or "unchanged"."""

    slug: str
    outcome: str


def body_for(article: PublicPart, access: Verdict) -> Markup:
    """The HTML that this verdict opens: the whole text, or the preview.

    The only function that loads a text for a reader. An unknown level gets the preview. Both were sanitised when
    the article was saved (domain/markdown.py), which is why they may be marked as safe here and nowhere else.
    """
    if access.level not in ("full", "metered"):
        return Markup(article.preview_html)  # noqa: S704
    return Markup(_html_of.one(wanted=article.id).html)  # noqa: S704


def source_of(article_id: int) -> str:
    """The Markdown, for the newsroom's form and for export; the door checks that staff is asking."""
    return db.session.execute(select(ArticleBody.source).where(ArticleBody.article_id == article_id)).scalar_one()


def trial(fields: ArticleFields) -> dict[str, Markup]:
    """What a visitor and a member would see of these fields, without saving: "visitor" and "member". Refused (field "body") as by ``save``."""
    rendered = markdown.render(fields.body, pictures.size_of)
    whole, preview = Markup(rendered.html), Markup(rendered.preview_html)  # noqa: S704 - sanitised just now
    return {"visitor": whole if fields.access == "free" else preview, "member": whole}


def save(fields: ArticleFields, *, article_id: int | None = None, version: int | None = None) -> Article:
    """Write a new article (a draft) or a new state of one, rendering text and preview now and never while somebody reads.

    ``version`` is the state that the writer began from; Refused (field "version") if somebody saved since,
    (field "slug") if the address is taken, (field "body") on Markdown that cannot be meant.
    """
    rendered = markdown.render(fields.body, pictures.size_of)
    now = clock.now()
    article = _locked(article_id) if article_id is not None else Article(created_at=now, version=0)
    if version is not None and article.version != version:
        raise Refused({"version": Problem(mark("Somebody else saved this article while you wrote. Nothing of theirs was overwritten."))})
    _refuse_taken(fields.slug, article.id)
    _write(article, fields, rendered)
    article.version += 1
    article.updated_at = now
    db.session.add(article)
    db.session.flush()
    body = db.session.get(ArticleBody, article.id) or ArticleBody(article_id=article.id)
    body.source, body.html = fields.body, rendered.html
    db.session.add(body)
    db.session.flush()
    frame.stale()
    return article


def bring_in(pieces: Sequence[ArticleFields]) -> None:
    """Many new articles at once, each published at its ``published_at``: an archive that moves in.

    As ``save`` and ``publish``, but a few statements for all of them; a slug that is taken is the database's IntegrityError.
    """
    now = clock.now()
    written: list[tuple[Article, ArticleBody]] = []
    for fields in pieces:
        rendered = markdown.render(fields.body, pictures.size_of)
        article = Article(created_at=now, updated_at=now, version=1, status="published")
        _write(article, fields, rendered)
        written.append((article, ArticleBody(source=fields.body, html=rendered.html)))
    db.session.add_all(article for article, _ in written)
    db.session.flush()
    for article, body in written:
        body.article_id = article.id
    db.session.add_all(body for _, body in written)
    db.session.flush()
    frame.stale()


def publish(article_id: int, at: datetime) -> Article:
    """Let readers have it from ``at`` on, or from the date that it already has (its first one, or one ahead)."""
    article = _locked(article_id)
    article.published_at = article.published_at or at
    return _change_status(article, "published")


def unpublish(article_id: int) -> Article:
    """Back to a draft; it keeps its date, so publishing again does not make old news new."""
    return _change_status(_locked(article_id), "draft")


def import_file(path: Path) -> Imported:
    """Take in one article file; the same slug again updates it. With a date it is published, without one a new one is a draft.

    Raises Refused with the line of each problem; then nothing of this file is written.
    """
    if path.stat().st_size > LARGEST_FILE:
        raise Refused({"file": Problem(mark("This file is larger than two megabytes."), line=1)})
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise Refused({"file": Problem(mark("This file is not UTF-8 text."), line=1)}) from error
    values, body, places = front_matter.split(text)
    try:
        fields = rules.accept({**values, "body": body}, zone())
        found = db.session.execute(select(Article).where(Article.slug == fields.slug)).scalar_one_or_none()
        if found is not None and as_written(found) == fields:
            return Imported(fields.slug, "unchanged")
        article = save(fields, article_id=found.id if found else None)
    except Refused as refusal:
        raise Refused({name: _at(problem, name, places) for name, problem in refusal.problems.items()}) from refusal
    if fields.published_at is not None and article.status != "published":
        publish(article.id, fields.published_at)
    return Imported(article.slug, "updated" if found else "new")


def export_text(article: Article) -> str:
    """The article as a file that ``import_file`` takes back."""
    said = as_written(article)
    date = article.published_at.astimezone(zone()).isoformat() if article.published_at and article.status == "published" else ""
    values = {name: getattr(said, name) for name in front_matter.FIELDS if name != "date"}
    return front_matter.join({**values, "date": date}, said.body)


def _at(problem: Problem, name: str, places: dict[str, int]) -> Problem:
    """A problem of a value, at its line of the file."""
    inside = (problem.line - 1) if problem.line and name == "body" else 0
    return Problem(problem.text, problem.values, places.get(name, 1) + inside)


def as_written(article: Article) -> ArticleFields:
    """The article as its writer gave it; an unpublished date is not said."""
    return ArticleFields(
        title=article.title,
        slug=article.slug,
        kind=article.kind,
        topic=article.topic.name if article.topic else "",
        author=article.author,
        access=article.access,
        summary=article.summary,
        image=article.image or "",
        body=source_of(article.id),
        published_at=article.published_at if article.status == "published" else None,
    )


def _locked(article_id: int) -> Article:
    query = select(Article).where(Article.id == article_id).with_for_update(of=Article).execution_options(populate_existing=True)
    return db.session.execute(query).scalar_one()


def _refuse_taken(slug: str, own_id: int | None) -> None:
    taken = db.session.execute(select(Article.id).where(Article.slug == slug)).scalar_one_or_none()
    if taken is not None and taken != own_id:
        raise Refused({"slug": Problem(mark("Another article has this address already."))})


def _write(article: Article, fields: ArticleFields, rendered: markdown.Rendered) -> None:
    for name in ("title", "slug", "kind", "author", "summary", "access"):
        setattr(article, name, getattr(fields, name))
    article.topic = _topic(fields.topic)
    article.image = fields.image or None
    article.image_width, article.image_height = pictures.size_of(fields.image) or (None, None)
    # A draft's date ahead goes when the field was emptied; the date of what was out stays, so that old news is not new.
    kept = article.published_at if article.status == "published" or (article.published_at or clock.now()) < clock.now() else None
    article.published_at = fields.published_at or kept
    article.preview_html, article.preview_text = rendered.preview_html, rendered.preview_text
    article.has_more = rendered.has_more
    article.search_text = rules.search_text(fields, rendered.preview_text)


def _topic(name: str) -> Topic | None:
    if not name:
        return None
    found = db.session.execute(select(Topic).where(Topic.slug == slugify(name))).scalar_one_or_none()
    if found is None:
        found = Topic(slug=slugify(name), name=name)
        db.session.add(found)
        db.session.flush()
    return found


def _change_status(article: Article, status: str) -> Article:
    article.status = status
    article.version += 1
    article.updated_at = clock.now()
    db.session.flush()
    frame.stale()
    return article
