"""What the servers run on: a database of their own with one member, a members' article of 6 kB, and signed events."""

import contextlib
import hmac
import json
import os
import re
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bench.bare.reads import TABLES
from bench.servers import ROOT
from kit.settings import database_url

SLUG = "the-lock-keepers-ledger"
EMAIL, PASSWORD = "member@bench.example", "a password of the bench only"
TEXT_BYTES = 6000
WEBHOOK_SECRET = "whsec_only_for_the_bench_0123456789"
SENTENCE = "The lock keeper wrote down every barge, its master, what it carried and the height of the water at the gate. "


def environment(url: str) -> dict[str, str]:
    """The settings of production, as far as one machine without Stripe can have them."""
    return {
        "APP_ENV": "production",
        "SECRET_KEY": secrets.token_urlsafe(48),
        "DATABASE_URL": url,
        "PUBLIC_URL": "https://127.0.0.1",
        "STRIPE_SECRET_KEY": "sk_live_" + "0" * 24,  # never used: no page of the bench asks Stripe
        "STRIPE_API_BASE": "",
        "STRIPE_ACCOUNT": "",
        "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "SMTP_URL": "smtp://127.0.0.1:9",
        "TRUSTED_HOSTS": "",
        "LOG_LEVEL": "WARNING",
    }


@contextmanager
def database(engine: str) -> Generator[str]:
    """An empty, migrated database of our own, and its address; gone afterwards."""
    with _sqlite() if engine == "sqlite" else _postgresql() as url:
        done = subprocess.run(
            [sys.executable, "-m", "flask", "--app", "app", "db", "upgrade"],
            cwd=ROOT,
            env={**os.environ, **environment(url)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            sys.exit(f"The bench's database could not be made:\n{done.stderr}")
        bare = sa.create_engine(url)
        with bare.begin() as connection:
            for statement in TABLES:
                connection.exec_driver_sql(statement)
        bare.dispose()
        yield url


@contextmanager
def _sqlite() -> Generator[str]:
    with tempfile.TemporaryDirectory(prefix="wellspring-bench-") as folder:
        yield f"sqlite:///{folder}/bench.db"


@contextmanager
def _postgresql() -> Generator[str]:
    server = os.environ.get("TEST_DATABASE_URL", "postgresql://postgres@127.0.0.1:5432/postgres")
    parts = sa.make_url(database_url(server))
    with contextlib.suppress(OSError), socket.create_connection((parts.host or "127.0.0.1", parts.port or 5432), timeout=2):
        name = f"wellspring_bench_{os.getpid()}"
        keeper = sa.create_engine(parts, isolation_level="AUTOCOMMIT")
        with keeper.connect() as connection:
            connection.execute(sa.text(f'create database "{name}"'))
        try:
            yield parts.set(database=name).render_as_string(hide_password=False)
        finally:
            with keeper.connect() as connection:
                connection.execute(sa.text(f'drop database "{name}" with (force)'))
            keeper.dispose()
        return
    sys.exit("No PostgreSQL server answers on 127.0.0.1:5432 (or where TEST_DATABASE_URL says).")


def set_up(values: dict[str, str]) -> tuple[str, str]:
    """Write the member and the article, and sign her in by the form. Answers the Cookie headers for our page and the bare one."""
    os.environ.update(values)
    from app import create_app
    from bench.bare.app import signed_cookie

    app = create_app()
    with app.app_context():
        _write_article()
        _write_member()
    client = app.test_client()
    client.environ_base["wsgi.url_scheme"] = "https"
    base = values["PUBLIC_URL"]
    form = client.get("/account/sign-in", base_url=base).get_data(as_text=True)
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', form)
    said = {"email": EMAIL, "password": PASSWORD, "csrf_token": token[1] if token else ""}
    answer = client.post("/account/sign-in", data=said, base_url=base, headers={"Referer": base + "/account/sign-in"})
    if answer.status_code != 303:
        sys.exit(f"The bench's member could not sign in: {answer.status}")
    name = app.config["SESSION_COOKIE_NAME"]
    cookie = client.get_cookie(name, domain="127.0.0.1")
    assert cookie is not None
    serializer = app.session_interface.get_signing_serializer(app)  # ty: ignore[missing-attribute]
    return f"{name}={cookie.value}", signed_cookie(serializer.loads(cookie.value)["_user_id"])


def _write_article() -> None:
    from kit import clock
    from kit.database import db
    from publishing import articles
    from publishing.domain.articles import ArticleFields

    paragraph = SENTENCE * 5
    count = TEXT_BYTES // len(paragraph)
    body = "\n\n".join([paragraph, "<!-- more -->", *[paragraph] * count])
    said: dict[str, Any] = {
        "title": "The lock keeper’s ledger",
        "slug": SLUG,
        "kind": "article",
        "author": "Ada Ferris",
        "access": "members",
    }
    article = articles.save(ArticleFields(**said, topic="River", summary="What a century of barges left behind.", body=body))
    articles.publish(article.id, clock.now() - timedelta(hours=1))
    db.session.commit()


def _write_member() -> None:
    from flask_security import hash_password

    from kit import clock
    from kit.database import db
    from membership import memberships
    from membership.domain import emails
    from membership.domain.standing import Snapshot
    from membership.models import Account

    now = clock.now()
    stored, key = emails.parse(EMAIL)
    account = Account(email=stored, email_key=key, created_at=now, confirmed_at=now, password=hash_password(PASSWORD))
    db.session.add(account)
    db.session.flush()
    paid: dict[str, Any] = {"started_at": now - timedelta(days=1), "observed_at": now, "paid_until": now + timedelta(days=30)}
    memberships.follow(account.id, Snapshot(kind="subscription", source_id="sub_bench", status="active", currency="usd", **paid))
    db.session.commit()


def write_events(path: Path, count: int) -> None:
    """A file of ``count`` signed events, none twice, for report.lua."""
    run, now = secrets.token_hex(6), int(time.time())
    with path.open("w", encoding="ascii") as file:
        for number in range(count):
            body = json.dumps(_event(f"evt_{run}{number:08d}", now))
            signature = hmac.new(WEBHOOK_SECRET.encode(), f"{now}.{body}".encode(), "sha256").hexdigest()
            file.write(f"t={now},v1={signature}\n{body}\n")


def _event(event_id: str, now: int) -> dict[str, Any]:
    """A Subscription's renewal in about the size that Stripe sends it, 3 kB."""
    price = {"id": "price_1Bench0000000000", "object": "price", "unit_amount": 500, "currency": "usd", "metadata": {"note": "x" * 400}}
    item = {"id": "si_Bench000000000", "object": "subscription_item", "created": now, "quantity": 1, "price": price, "metadata": {}}
    about = {
        "id": "sub_1Bench0000000000",
        "object": "subscription",
        "customer": "cus_Bench000000000",
        "status": "active",
        "created": now - 86400,
        "currency": "usd",
        "items": {"object": "list", "data": [item] * 2, "has_more": False, "url": "/v1/subscription_items"},
        "metadata": {"note": "y" * 900},
        "livemode": True,
    }
    return {
        "id": event_id,
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": now,
        "type": "customer.subscription.updated",
        "livemode": True,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "data": {"object": about, "previous_attributes": {"metadata": {"note": "z" * 300}}},
    }
