"""The rows that the pages read, as a bare application would map them: only the columns that it needs."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class LoginSession(Base):
    __tablename__ = "login_session"
    token_hash: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    expires_at: Mapped[datetime]


class Account(Base):
    __tablename__ = "account"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str]
    active: Mapped[bool]
    role: Mapped[str | None]


class Membership(Base):
    __tablename__ = "membership"
    account_id: Mapped[int] = mapped_column(primary_key=True)
    access_from: Mapped[datetime | None]
    access_until: Mapped[datetime | None]


class Topic(Base):
    __tablename__ = "topic"
    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str]
    name: Mapped[str]


class Article(Base):
    __tablename__ = "article"
    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str]
    title: Mapped[str]
    summary: Mapped[str]
    author: Mapped[str]
    access: Mapped[str]
    published_at: Mapped[datetime | None]
    preview_html: Mapped[str]
    topic_id: Mapped[int | None] = mapped_column(ForeignKey("topic.id"))


class Text(Base):
    __tablename__ = "article_body"
    article_id: Mapped[int] = mapped_column(primary_key=True)
    html: Mapped[str]
