"""C08, C09: a disk that is full, a database that may only be read."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import time_machine
from flask import Flask

from kit import clock, database, jobs
from kit.database import db
from kit.mail import queue_mail
from payments.models import Contribution, StripeEvent
from tests.payments.readers import put_on_sale
from tests.scenarios.rows import GIVEN, count, say, tell


@contextmanager
def full_disk(app: Flask) -> Iterator[None]:
    """SQLite's file may have no more pages. PostgreSQL's disk is its server's: what it says of a full one (53100) is said by a trigger."""
    if db.engine.dialect.name == "sqlite":
        for kept in app.extensions["durable"]:
            (pages,) = kept.execute("pragma page_count").fetchone()
            kept.execute(f"pragma max_page_count={pages}")
        yield
        for kept in app.extensions["durable"]:
            kept.execute("pragma max_page_count=1000000")
        return
    said = "could not extend file: No space left on device"
    say(f"create function full_disk() returns trigger language plpgsql as $$ begin raise '{said}' using errcode = 'disk_full'; end $$",
        *(f"create trigger full_disk before insert on {table} execute function full_disk()" for table in FILLED))  # fmt: skip
    try:
        yield
    finally:
        say("drop function full_disk cascade")


FILLED = ("stripe_event", "contribution")


def test_C08_on_a_full_disk_nothing_is_acknowledged_and_everybody_reads(app: Flask, visit: Any, make_article: Any, sandbox: Any) -> None:
    slug = make_article().slug
    put_on_sale(sandbox)
    assert tell(app, 10) == 200
    browser = visit()
    browser.get("/contribute")
    form = browser.page.form("/contribute/checkout")
    with full_disk(app):
        assert tell(app, 500_000) == 503
        assert visit().get(f"/articles/{slug}").status == 200
        if db.engine.dialect.name == "postgresql":
            answer = browser.client.post(form.action, data={**form.fields, **GIVEN})
            assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
        assert count(StripeEvent) == 1
    assert tell(app, 500_000) == 200, "with room again nothing has to be repaired"
    assert browser.post(form.action, {**form.fields, **GIVEN}).status == 303
    assert (count(StripeEvent), count(Contribution)) == (2, 1)
    if db.engine.dialect.name == "sqlite":
        assert db.session.execute(sa.text("pragma integrity_check")).scalar() == "ok"


@contextmanager
def read_only() -> Iterator[None]:
    """As a replica that was promoted late: every connection may only read."""
    db.session.remove()
    db.engine.dispose()  # the webhook's own connections are shut with it
    if db.engine.dialect.name == "sqlite":
        path = Path(str(db.engine.url.database))
        forbid = lambda connection, _record: connection.execute("pragma query_only=on")  # noqa: E731
        sa.event.listen(db.engine, "connect", forbid)
        real, database.sqlite_pragmas = database.sqlite_pragmas, lambda c, r=None: (real(c, r), c.execute("pragma query_only=on"))
        assert path.exists()
        try:
            yield
        finally:
            database.sqlite_pragmas = real
            sa.event.remove(db.engine, "connect", forbid)
            db.session.remove()
            db.engine.dispose()
        return
    name = db.engine.url.database
    say(f'alter database "{name}" set default_transaction_read_only = on')
    try:
        yield
    finally:
        db.session.remove()
        db.engine.dispose()
        say("set default_transaction_read_only = off", f'alter database "{name}" reset default_transaction_read_only')


def test_C09_a_database_that_may_only_be_read_is_read(
    app: Flask, visit: Any, member: Any, make_article: Any, sandbox: Any, drain: Any
) -> None:
    """Articles are served, whoever reads; what wants to write hears 503; no mail leaves that could not be noted as sent."""
    put_on_sale(sandbox)
    slug = make_article().slug
    reader = visit(member())
    browser = visit()
    browser.get("/contribute")
    form = browser.page.form("/contribute/checkout")
    queue_mail("ann@reader.example", "Hello", "Hello\n", key="hello")
    db.session.commit()
    with time_machine.travel(clock.now() + timedelta(days=2), tick=True), read_only():
        assert [one.get(f"/articles/{slug}").status for one in (reader, visit())] == [200, 200]
        assert tell(app, 10) == 503
        answer = browser.client.post(form.action, data={**form.fields, **GIVEN})
        assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
        db.session.rollback()
        with pytest.raises(sa.exc.DBAPIError):
            jobs.run(app, "mail.send", ["hello"])
        assert app.extensions["sent_mail"] == []
    assert tell(app, 10) == 200
    assert (count(Contribution), count(StripeEvent)) == (0, 1)
    drain()
    assert [mail["To"] for mail in app.extensions["sent_mail"]] == ["ann@reader.example"]
