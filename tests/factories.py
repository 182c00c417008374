"""One-line actors and things, committed, so that a test says only what matters to it."""

import itertools
from datetime import datetime, timedelta
from typing import Any

from kit import clock
from kit.database import db
from membership import memberships
from membership.domain import emails
from membership.domain.rates import mrr_720
from membership.domain.standing import Snapshot
from membership.models import Account

_numbers = itertools.count(1)
PASSWORD = "correct horse battery staple"


def make_account(
    email: str | None = None, *, confirmed: bool = True, role: str | None = None, name: str = "", password: str | None = None
) -> Account:
    """A person. ``password=None``: none is set (signing in by factories.sign_in needs none)."""
    stored, key = emails.parse(email or f"reader{next(_numbers)}@reader.example")
    now = clock.now()
    account = Account(email=stored, email_key=key, name=name, role=role, created_at=now, confirmed_at=now if confirmed else None)
    if password is not None:
        from flask_security import hash_password

        account.password = hash_password(password)
    db.session.add(account)
    db.session.commit()
    return account


def subscription_snapshot(source_id: str = "sub_test", **values: Any) -> Snapshot:
    """A paying monthly Subscription that began today and is paid for a month."""
    now = clock.now()
    defaults: dict[str, Any] = {
        "kind": "subscription",
        "source_id": source_id,
        "status": "active",
        "started_at": now - timedelta(minutes=1),
        "observed_at": now,
        "paid_until": now + timedelta(days=30),
        "plan_key": "reader-monthly",
        "price_interval": "month",
        "mrr_720": mrr_720(500, 1, "month", 1),
        "currency": "usd",
    }
    return Snapshot(**{**defaults, **values})


def make_member(email: str | None = None, *, until: datetime | None = None, **values: Any) -> Account:
    """An account with a paid Subscription until ``until`` (default: 30 days from now)."""
    account = make_account(email)
    if until is not None:
        values["paid_until"] = until
    memberships.follow(account.id, subscription_snapshot(f"sub_test_{account.id}", **values))
    db.session.commit()
    return account


def make_article(slug: str = "the-weir", *, access: str = "members", body: str | None = None, **values: Any) -> Any:
    """An article published an hour ago. The default body has a preview and a gated part with the word QUARTZMILL."""
    from publishing import articles
    from publishing.domain.articles import ArticleFields

    text = body if body is not None else "The weir was built in 1871.\n\n<!-- more -->\n\nThe gated paragraph says QUARTZMILL.\n"
    fields = {
        "title": slug.replace("-", " ").capitalize(),
        "slug": slug,
        "kind": "article",
        "topic": "River",
        "author": "Ada Ferris",
        "access": access,
        "summary": "What the weir is for.",
        "body": text,
    }
    at = values.pop("at", clock.now() - timedelta(hours=1))
    article = articles.save(ArticleFields(**{**fields, **values}))
    articles.publish(article.id, at)
    db.session.commit()
    return article


def sign_in(visitor: Any, account: Account) -> None:
    """Sign this browser in as Flask-Login would, through the application's own session rows."""
    from membership import sessions

    token = sessions.begin(account, device="the test's browser")
    db.session.commit()
    with visitor.client.session_transaction() as session:
        session["_user_id"] = token
        session["_fresh"] = True
