"""Load the demo: pictures, texts, staff and readers, in the caller's one transaction: all of it or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import cast

from sqlalchemy import Table, exists, func, insert, select, text

from demo import prose, receipts
from demo.cast import Cast
from demo.pictures import album
from demo.publication import DEMO_ACCOUNTS
from demo.records import World
from demo.simulation import simulate
from demo.tables import Row, Rows
from kit import media
from kit.database import Model, db
from kit.formats import zone
from kit.settings import settings
from membership import memberships
from membership.domain import emails
from membership.models import Account, Grant, Membership, MembershipInterval, MembershipSource
from payments.models.contributions import Contribution
from payments.models.customers import Customer
from payments.models.ledger import LedgerEntry
from payments.models.receipts import Receipt
from payments.models.subscriptions import Subscription
from publishing.models.articles import Article
from publishing.models.newsletter import NewsletterConsent, NewsletterSubscription
from reports import goals
from reports.domain.months import Month, months_through

# Tables whose ids are given here, because other rows of the same load point at them.
Numbered = type[Account | Grant | Contribution | NewsletterSubscription]

ARCHIVE_YEARS = 20
AT_ONCE = 2000  # rows a statement


class NotEmpty(Exception):
    """The database has readers or articles already; the demo does not mix with them."""


@dataclass(frozen=True)
class Loaded:
    """How much there is now."""

    readers: int
    paying: int
    intervals: int
    ledger_entries: int
    contributions: int
    articles: int


# begin("Readers", 3000) announces a stage with its steps (0: unknown); what it returns counts steps done.
Begin = Callable[[str, int], Callable[[int], object]]


def refuse_if_used() -> None:
    """Raises NotEmpty where there is a reader or an article. Staff may be there: somebody has to run the place."""
    if db.session.scalar(select(exists().where(Account.role.is_(None)))) or db.session.scalar(
        select(exists().where(Article.id.is_not(None)))
    ):
        raise NotEmpty


def load(*, readers: int, months: int, seed: int, now: datetime, begin: Begin, password_hash: str) -> Loaded:
    """Everything, unless the database is used. ``password_hash``: of DEMO_PASSWORD, for those who can sign in."""
    refuse_if_used()
    _paint(begin)
    staff(now, password_hash)
    articles = _publish(seed, now, begin)
    step = begin("Simulating", 0)
    world = simulate(readers=readers, months=months, seed=seed, now=now, zone=zone(), currency=settings()["CURRENCY"])
    Cast(world, zone=zone(), currency=settings()["CURRENCY"]).enter()
    step(0)
    _insert_world(world, begin, password_hash)
    _set_goals(world)
    return Loaded(
        len(world.people),
        len(world.paying_at(now)),
        sum(len(s.stretches) for s in world.sources),
        len(world.entries),
        len(world.contributions),
        articles,
    )


def staff(now: datetime, password_hash: str) -> None:
    """The desk's accounts, those that are not there yet."""
    known = set(db.session.scalars(select(Account.email_key)))
    for account in DEMO_ACCOUNTS:
        if account.staff_role and emails.key(account.email) not in known:
            db.session.add(
                Account(
                    email=account.email,
                    email_key=emails.key(account.email),
                    name=account.name,
                    role=account.staff_role,
                    password=password_hash,
                    confirmed_at=now,
                    created_at=now,
                )
            )
    db.session.flush()


def _paint(begin: Begin) -> None:
    folder = media.folder()
    step = begin("Painting pictures", len(album.missing(folder)))
    album.paint_all(folder, lambda: step(1))


def _publish(seed: int, now: datetime, begin: Begin) -> int:
    front = prose.dated(prose.written(), now)
    texts = [*prose.from_archive(seed, now, ARCHIVE_YEARS), *reversed(list(front))]
    prose.publish(texts, begin("Publishing articles", len(texts)))
    return len(texts)


def _insert_world(world: World, begin: Begin, password_hash: str) -> None:
    rows = Rows(world, first_account=_next_id(Account), first_contribution=_next_id(Contribution), grace=memberships.grace())
    passwords = {account.email: password_hash for account in DEMO_ACCOUNTS if account.staff_role is None}
    # Parents before children: foreign keys are checked as rows come in.
    for title, model, found in (
        ("Accounts", Account, rows.accounts(passwords)),
        ("Customers", Customer, rows.customers()),
        ("Subscriptions", Subscription, rows.subscriptions()),
        ("Complimentary grants", Grant, rows.grants()),
        ("Membership sources", MembershipSource, rows.sources()),
        ("Membership history", MembershipInterval, rows.intervals()),
        ("Memberships", Membership, rows.memberships()),
        ("Contributions", Contribution, rows.contributions()),
        ("Ledger", LedgerEntry, rows.entries()),
    ):
        ready = list(found)
        insert_rows(model, ready, begin(title, len(ready)))
    insert_rows(Receipt, list(receipts.of_payments()), begin("Receipts", sum(entry.kind == "payment" for entry in world.entries)))
    letters = list(rows.newsletter(_next_id(NewsletterSubscription)))
    step = begin("Newsletter", len(letters))
    insert_rows(NewsletterSubscription, [subscription for subscription, _ in letters], step)
    insert_rows(NewsletterConsent, [consent for _, consents in letters for consent in consents], lambda _: None)
    for model in (Account, Grant, Contribution, NewsletterSubscription):
        _advance_sequence(model)


def insert_rows(model: type[Model], rows: Iterable[Row], step: Callable[[int], object]) -> None:
    """Core inserts, many rows a statement: the unit of work would take a minute for the ledger alone."""
    source = iter(rows)
    while batch := list(islice(source, AT_ONCE)):
        db.session.execute(insert(cast("Table", model.__table__)), batch)
        step(len(batch))


def _next_id(model: Numbered) -> int:
    return (db.session.scalar(select(func.max(model.id))) or 0) + 1


def _advance_sequence(model: Numbered) -> None:
    """PostgreSQL's sequences do not notice ids that were given; SQLite's do."""
    if db.engine.dialect.name == "postgresql":
        table = model.__tablename__
        db.session.execute(text(f"select setval(pg_get_serial_sequence('{table}', 'id'), coalesce(max(id), 1)) from {table}"))  # noqa: S608 - our own table names


def _set_goals(world: World) -> None:
    """A goal a month for contributions: modest, and four times as high where a drive begins."""
    start, end = Month.of(world.start, zone()), Month.of(world.now, zone())
    scale = len(world.people) / 3000
    for month in months_through(start, end):
        amount = max(5000, round((600_000 if str(month).endswith(("-11", "-12")) else 120_000) * scale / 5000) * 5000)
        goals.put(month, settings()["CURRENCY"], amount, by=None, at=world.now)
