"""Articles in two tables: what anybody may see, and the text itself.

``article_body`` is never joined and has no relationship, so no lazy load can bring it along;
publishing/articles.py is the only module that names it (tests/publishing/test_one_loader.py).
"""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from kit.database import Model, UTCDateTime
from publishing.domain.articles import ACCESS, KINDS, STATUSES


def one_of(column: str, values: tuple[str, ...]) -> str:
    """The CHECK of an enumeration: strings stay readable in the database and easy to extend."""
    return f"{column} in ({', '.join(repr(value) for value in values)})"


class Topic(Model):
    """What articles are about; its name stands in the masthead."""

    __tablename__ = "topic"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(100), unique=True)
    name: Mapped[str] = mapped_column(String(80))


class Article(Model):
    """The public part of an article, column or photo story, with its preview rendered when it was saved.

    ``published_at`` may lie ahead: it is public from then on. ``version`` counts savings and catches lost updates.
    """

    __tablename__ = "article"
    __table_args__ = (
        CheckConstraint(one_of("kind", KINDS), name="kind"),
        CheckConstraint(one_of("access", ACCESS), name="access"),
        CheckConstraint(one_of("status", STATUSES), name="status"),
        CheckConstraint("status = 'draft' or published_at is not null", name="published_has_date"),
        # Front page, archive, feed; the same by topic and by kind; the newsroom's list.
        Index("ix_article_status_published_at", "status", "published_at", "id"),
        Index("ix_article_topic_id_status_published_at", "topic_id", "status", "published_at", "id"),
        Index("ix_article_kind_status_published_at", "kind", "status", "published_at", "id"),
        Index("ix_article_updated_at", "updated_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(100), unique=True)
    title: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(10))
    topic_id: Mapped[int | None] = mapped_column(ForeignKey("topic.id"))
    author: Mapped[str] = mapped_column(String(120))
    summary: Mapped[str] = mapped_column(String(500), default="")
    image: Mapped[str | None] = mapped_column(String(300))
    image_width: Mapped[int | None]
    image_height: Mapped[int | None]
    access: Mapped[str] = mapped_column(String(10))
    status: Mapped[str] = mapped_column(String(10), default="draft")
    published_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime)
    version: Mapped[int] = mapped_column(default=1)
    preview_html: Mapped[str] = mapped_column(Text, default="")
    preview_text: Mapped[str] = mapped_column(Text, default="")
    has_more: Mapped[bool] = mapped_column(default=False)
    search_text: Mapped[str] = mapped_column(Text, default="")

    topic: Mapped[Topic | None] = relationship(lazy="joined")

    def is_public(self, at: datetime) -> bool:
        """Whether anybody may know of it at this instant."""
        return self.status == "published" and self.published_at is not None and self.published_at <= at


class ArticleBody(Model):
    """The text: as written (Markdown) and as shown (sanitised HTML)."""

    __tablename__ = "article_body"

    article_id: Mapped[int] = mapped_column(ForeignKey("article.id", ondelete="CASCADE"), primary_key=True)
    source: Mapped[str] = mapped_column(Text)
    html: Mapped[str] = mapped_column(Text)
