"""The same reads in three dresses: an ORM Session, a SQLAlchemy connection with statements built once, the driver.

Three statements, as in the application: session row with account and membership; article with topic; text. Every kind
offers ``reading()`` (a context with the look-ups) and ``insert`` (one durable row).
"""

import sqlite3
import threading
from collections import namedtuple
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import psycopg
from sqlalchemy import bindparam, create_engine, event, select
from sqlalchemy.orm import Session

from bench.bare.tables import Account, Article, LoginSession, Membership, Text, Topic

# The row that our own intake writes, with as many indexes: what is compared is the way to it.
COLUMNS = "account event_id type api_version livemode created object_id customer_id payload received_at source state attempts last_error due_at quiet"
TABLES = (
    (
        "create table bare_event (account varchar(64) not null, event_id varchar(100) not null, type varchar(100) not null, "
        "api_version varchar(40), livemode boolean not null, created bigint not null, object_id varchar(100), customer_id varchar(100), "
        "payload text not null, received_at timestamp with time zone not null, source varchar(10) not null, state varchar(8) not null, "
        "attempts integer not null, last_error text, applied_at timestamp with time zone, due_at timestamp with time zone, quiet boolean not null, "
        "primary key (account, event_id))"
    ),
    "create index bare_event_object on bare_event (account, object_id)",
    "create index bare_event_received on bare_event (received_at)",
    "create index bare_event_open on bare_event (customer_id, object_id, due_at) where state = 'new'",
    "create index bare_event_parked on bare_event (received_at) where state = 'parked'",
)
INSERT = f"insert into bare_event ({', '.join(COLUMNS.split())}) values ({', '.join('?' for _ in COLUMNS.split())}) on conflict do nothing"
PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=15000")

Reader = namedtuple("Reader", "email is_member")


def is_open(membership: Any, now: Any) -> bool:
    """The gate, on a row with the two instants (or None, or a row of Nones)."""
    return bool(membership and membership.access_from and membership.access_from <= now < membership.access_until)


# --- the driver ------------------------------------------------------------------------------------------------------

QUERIES = {
    "account": (
        "a.id, a.email, m.access_from, m.access_until",
        (
            "from login_session s join account a on a.id = s.account_id left join membership m on m.account_id = a.id"
            " where s.token_hash = ? and s.expires_at > ? and a.active"
        ),
    ),
    "article": (
        "a.id, a.title, a.summary, a.author, a.published_at, a.preview_html, t.name",
        "from article a left join topic t on t.id = a.topic_id where a.slug = ?",
    ),
    "text": ("html", "from article_body where article_id = ?"),
}


class Driver:
    """sqlite3 or psycopg and SQL as text: one connection a thread, each statement its own transaction."""

    def __init__(self, url: str) -> None:
        self.url, self.sqlite = url, url.startswith("sqlite")
        self.kept = threading.local()
        mark = "?" if self.sqlite else "%s"
        self.insertion = INSERT.replace("?", mark)
        self.queries = {
            name: (f"select {columns} {rest}".replace("?", mark), namedtuple(name, [c.rpartition(".")[2] for c in columns.split(", ")]))
            for name, (columns, rest) in QUERIES.items()
        }

    def connection(self) -> Any:
        if not hasattr(self.kept, "connection"):
            self.kept.connection = self._connect()
        return self.kept.connection

    def _connect(self) -> Any:
        if not self.sqlite:
            return psycopg.connect(self.url.replace("+psycopg", ""), autocommit=True)
        opened = sqlite3.connect(self.url.removeprefix("sqlite:///"), isolation_level=None)
        for pragma in PRAGMAS:
            opened.execute(f"pragma {pragma}")
        return opened

    def insert(self, *values: Any) -> None:
        """One row: committed, and on the disk, before this returns."""
        self.connection().execute(self.insertion, values)

    def close(self) -> None:
        """Close this thread's connection."""
        if hasattr(self.kept, "connection"):
            self.kept.connection.close()
            del self.kept.connection

    @contextmanager
    def reading(self) -> Generator["Driver"]:
        yield self

    def _one(self, name: str, *values: Any) -> Any:
        sql, row = self.queries[name]
        found = self.connection().execute(sql, values).fetchone()
        return found and row(*found)

    def account(self, token_hash: str, now: datetime) -> Any:
        instant: Any = str(now) if self.sqlite else now
        found = self._one("account", token_hash, instant)
        return found and Reader(found.email, is_open(found, instant))

    def article(self, slug: str) -> Any:
        return self._one("article", slug)

    def text(self, article_id: int) -> str:
        return self._one("text", article_id).html


# --- SQLAlchemy ------------------------------------------------------------------------------------------------------


class _Sqlalchemy:
    """What both share: an engine, and the driver for the one insert."""

    def __init__(self, url: str) -> None:
        self.engine = create_engine(url)
        self.driver = Driver(url)
        self.insert = self.driver.insert
        if self.engine.dialect.name == "sqlite":
            event.listen(self.engine, "connect", _pragmas)

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()
        self.driver.close()


def _pragmas(connection: Any, _record: Any) -> None:
    for pragma in PRAGMAS:
        connection.execute(f"pragma {pragma}")


_account, _session, _membership, _article, _topic, _text = (
    model.__table__ for model in (Account, LoginSession, Membership, Article, Topic, Text)
)
STATEMENTS = {
    "account": select(_account.c.id, _account.c.email, _membership.c.access_from, _membership.c.access_until)
    .select_from(_session.join(_account).outerjoin(_membership, _membership.c.account_id == _account.c.id))
    .where(_session.c.token_hash == bindparam("key"), _session.c.expires_at > bindparam("now"), _account.c.active),
    "article": select(*(_article.c[name] for name in "id title summary author published_at preview_html".split()), _topic.c.name)
    .select_from(_article.outerjoin(_topic))
    .where(_article.c.slug == bindparam("key")),
    "text": select(_text.c.html).where(_text.c.article_id == bindparam("key")),
}


class Core(_Sqlalchemy):
    """A connection from SQLAlchemy's pool, and statements that were built once."""

    @contextmanager
    def reading(self) -> Generator["_CoreReader"]:
        with self.engine.connect() as connection:
            yield _CoreReader(connection)


class _CoreReader:
    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def _one(self, name: str, **values: Any) -> Any:
        return self.connection.execute(STATEMENTS[name], values).one_or_none()

    def account(self, token_hash: str, now: datetime) -> Any:
        found = self._one("account", key=token_hash, now=now)
        return found and Reader(found.email, is_open(found, now))

    def article(self, slug: str) -> Any:
        return self._one("article", key=slug)

    def text(self, article_id: int) -> str:
        return self._one("text", key=article_id).html


class Orm(_Sqlalchemy):
    """A plain Session and mapped classes, as most Flask applications read."""

    @contextmanager
    def reading(self) -> Generator["_OrmReader"]:
        with Session(self.engine) as opened:
            yield _OrmReader(opened)


class _OrmReader:
    def __init__(self, opened: Session) -> None:
        self.session = opened

    def account(self, token_hash: str, now: datetime) -> Any:
        query = select(Account, Membership).join(LoginSession, LoginSession.account_id == Account.id)
        query = query.outerjoin(Membership, Membership.account_id == Account.id)
        wanted = (LoginSession.token_hash == token_hash, LoginSession.expires_at > now, Account.active)
        found = self.session.execute(query.where(*wanted)).one_or_none()
        return found and Reader(found.Account.email, is_open(found.Membership, now))

    def article(self, slug: str) -> Any:
        found = self.session.execute(select(Article, Topic.name).outerjoin(Topic).where(Article.slug == slug)).one_or_none()
        return found and found.Article

    def text(self, article_id: int) -> str:
        found = self.session.get(Text, article_id)
        return found.html if found else ""


KINDS = {"orm": Orm, "core": Core, "driver": Driver}
