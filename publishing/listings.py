"""Look-ups of the public part, as rows of columns: no text can come along, and no object has to be built.

Each look-up walks one of article's indexes and takes the instant from its caller: what lies ahead is not public.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, bindparam, case, func, select, tuple_

from kit.database import db
from kit.statements import Prepared
from publishing.domain.slugs import is_slug
from publishing.models.articles import Article, Topic

CARD = (
    Article.id,
    Article.slug,
    Article.title,
    Article.kind,
    Article.author,
    Article.summary,
    Article.image,
    Article.image_width,
    Article.image_height,
    Article.access,
    Article.published_at,
    Article.updated_at,
    Topic.slug.label("topic_slug"),
    Topic.name.label("topic_name"),
)
PUBLIC = (*CARD, Article.version, Article.preview_html, Article.preview_text, Article.has_more)

Card = Row[Any]
Key = tuple[datetime, int]  # where a page of a listing ended: published_at and id


def is_public(at: Any) -> ColumnElement[bool]:
    """Published, and not ahead of its date."""
    return (Article.status == "published") & (Article.published_at <= at)


def newest(at: Any, *only: ColumnElement[bool], columns: tuple[Any, ...] = CARD) -> Select[Any]:
    """Public articles that meet ``only``, newest first."""
    query = select(*columns).outerjoin(Topic, Article.topic_id == Topic.id).where(is_public(at), *only)
    return query.order_by(Article.published_at.desc(), Article.id.desc())


def cards(at: datetime, limit: int, *only: ColumnElement[bool]) -> list[Card]:
    """The newest ``limit`` of them."""
    return list(db.session.execute(newest(at, *only).limit(limit)))


def with_previews(at: datetime, limit: int, *only: ColumnElement[bool]) -> list[Card]:
    """The newest ``limit`` of them with their previews (feed, newsletter)."""
    return list(db.session.execute(newest(at, *only, columns=PUBLIC).limit(limit)))


def page(at: datetime, size: int, after: Key | None, *only: ColumnElement[bool]) -> tuple[list[Card], Key | None]:
    """One page of a listing and the key of the next, or None. Costs the same however deep (keyset, no OFFSET)."""
    beyond = (tuple_(Article.published_at, Article.id) < tuple_(*after),) if after else ()
    found = cards(at, size + 1, *only, *beyond)
    return found[:size], (found[size - 1].published_at, found[size - 1].id) if len(found) > size else None


# Built once, and of table columns: the article's page must not pay for building a statement or for the ORM.
_article, _topic = Article.__table__, Topic.__table__
_by_slug = Prepared(
    lambda: (
        select(*(_article.c[column.key] for column in PUBLIC if column.key in _article.c))
        .add_columns(_topic.c.slug.label("topic_slug"), _topic.c.name.label("topic_name"))
        .select_from(_article.outerjoin(_topic))
        .where(_article.c.slug == bindparam("wanted"), _article.c.status == "published", _article.c.published_at <= bindparam("at"))
    )
)


def by_slug(slug: str, at: datetime) -> Card | None:
    """The public part of one article. What is no slug is not asked for: PostgreSQL refuses some of it (NUL)."""
    if not is_slug(slug):
        return None
    return _by_slug.one(wanted=slug, at=at)


def topic(slug: str) -> Topic | None:
    """A topic by its address."""
    return db.session.execute(select(Topic).where(Topic.slug == slug)).scalar_one_or_none() if is_slug(slug) else None


def topics(at: datetime) -> list[Any]:
    """Topics that have something public: id, slug, name, and how many; by name."""
    query = select(Topic.id, Topic.slug, Topic.name, func.count().label("articles")).join(Article, Article.topic_id == Topic.id)
    return list(db.session.execute(query.where(is_public(at)).group_by(Topic.id, Topic.slug, Topic.name).order_by(Topic.name)))


def latest_of_topics(at: datetime, each: int) -> dict[str, list[Card]]:
    """The newest few of every topic, by topic slug, in one look-up."""
    place = func.row_number().over(partition_by=Article.topic_id, order_by=(Article.published_at.desc(), Article.id.desc()))
    ranked = select(Article.id, place.label("place")).where(is_public(at), Article.topic_id.is_not(None)).subquery()
    wanted = select(ranked.c.id).where(ranked.c.place <= each)
    found: dict[str, list[Card]] = {}
    for card in db.session.execute(newest(at, Article.id.in_(wanted))):
        found.setdefault(card.topic_slug, []).append(card)
    return found


def publication_dates(at: datetime) -> list[datetime]:
    """When each public article came out; an index alone answers it."""
    dates = db.session.scalars(select(Article.published_at).where(is_public(at)).order_by(Article.published_at.desc()))
    return [date for date in dates if date is not None]


def found_by(words: list[str], at: datetime, limit: int) -> list[Card]:
    """Articles whose public words hold all of ``words`` (folded); those with the first word in the title come first."""
    meets = [Article.search_text.contains(word, autoescape=True) for word in words]
    in_title = case((func.lower(Article.title).contains(words[0], autoescape=True), 0), else_=1)
    query = newest(at, *meets).order_by(None).order_by(in_title, Article.published_at.desc(), Article.id.desc())
    return list(db.session.execute(query.limit(limit)))
