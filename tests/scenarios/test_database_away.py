"""C06, C07: lines to the database that die, locks that stay, and a worker that slept through its lease (C03)."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from kit import clock, jobs
from kit.database import db
from payments.models import Contribution, Lease
from payments.webhooks import HANDLERS
from payments.webhooks.handler import Handler
from tests.payments.readers import entitled, put_on_sale
from tests.scenarios.rows import APPLIED, GIVEN, count, states


def test_C03_a_worker_that_slept_through_its_lease_writes_nothing(told: Any, app: Flask, deliver: Any, drain: Any, sandbox: Any) -> None:
    """It is stopped after it has looked; another one looks and writes; waking, it finds that its lease is another's."""
    account_id, deliveries = told
    one = next(d for d in deliveries if d.event["type"] == "customer.subscription.created")
    real = HANDLERS["customer.subscription.created"]
    looked, woken, wrote = threading.Event(), threading.Event(), []

    def look_and_sleep(object_id: str) -> Any:
        seen = real.look(object_id)
        if not looked.is_set():
            looked.set()
            assert woken.wait(30)
        return seen

    def write(seen: Any) -> Any:
        wrote.append(threading.current_thread().name)
        return real.write(seen)

    HANDLERS["customer.subscription.created"] = Handler(look_and_sleep, write)
    try:
        deliver(deliveries=[one], jobs_too=False)
        ((workflow_id, name, args),) = jobs.waiting(app)
        sleeper = threading.Thread(target=jobs.run, args=(app, name, args), name="sleeper")
        sleeper.start()
        assert looked.wait(30)
        jobs.client().cancel_workflow(workflow_id)
        db.session.rollback()
        db.session.execute(sa.update(Lease).values(leased_until=clock.now() - timedelta(seconds=1)))
        db.session.commit()
        jobs.run(app, name, args)
        assert (states(), entitled(account_id), wrote) == ({"done"}, True, [threading.current_thread().name])
        db.session.rollback()
        woken.set()
        sleeper.join(30)
        assert "sleeper" not in wrote
    finally:
        woken.set()
        HANDLERS["customer.subscription.created"] = real
    assert (states(), entitled(account_id)) == ({"done"}, True)


def kill_connections() -> None:
    """As a restart of the server: every line of ours is dead, and nobody told us. On SQLite: every file is shut."""
    db.session.rollback()
    if db.engine.dialect.name == "sqlite":
        for _ in range(2):
            db.session.connection().connection.driver_connection.close()
            db.session.remove()
        return
    db.session.remove()
    apart = sa.create_engine(db.engine.url, poolclass=sa.NullPool)
    with apart.connect() as keeper:
        keeper.execute(
            sa.text("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()")
        )
    apart.dispose()


def test_C06_after_the_server_was_restarted_nobody_restarts_us(app: Flask, visit: Any, make_article: Any, told: Any, deliver: Any) -> None:
    if db.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has no server that could go away")
    account_id, deliveries = told
    slug = make_article().slug
    browser = visit()
    assert browser.get(f"/articles/{slug}").status == 200
    deliver(deliveries=deliveries[:1], jobs_too=False)
    kill_connections()
    assert set(deliver(deliveries=deliveries, jobs_too=False)) == {200}
    kill_connections()
    assert [browser.get(f"/articles/{slug}").status for _ in range(2)] == [200, 200]
    kill_connections()
    deliver(deliveries=[])
    assert (states(), entitled(account_id)) == (APPLIED, True)


def test_C06_a_line_that_dies_within_a_page_leaves_nothing_half_done(app: Flask, visit: Any, sandbox: Any) -> None:
    """The server goes away after the page has begun to write: 503, no row; pressed again it works."""
    if db.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has no server that could go away")
    put_on_sale(sandbox)
    browser = visit()
    browser.get("/contribute")
    died: list[str] = []

    def die(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not died and statement.startswith("INSERT INTO contribution"):
            died.append(statement)
            apart = sa.create_engine(db.engine.url, poolclass=sa.NullPool)
            with apart.connect() as keeper:
                mine = _connection.connection.driver_connection.info.backend_pid
                keeper.execute(sa.text("select pg_terminate_backend(:pid)"), {"pid": mine})
            apart.dispose()

    sa.event.listen(db.engine, "before_cursor_execute", die)
    try:
        assert browser.submit("/contribute/checkout", **GIVEN).status == 503
    finally:
        sa.event.remove(db.engine, "before_cursor_execute", die)
    assert (len(died), count(Contribution)) == (1, 0)
    browser.get("/contribute")
    assert browser.submit("/contribute/checkout", **GIVEN).status == 303
    assert count(Contribution) == 1


@contextmanager
def locked(table: str) -> Iterator[None]:
    """Somebody keeps the database from being written: SQLite's one writer, or a lock on a table."""
    db.session.rollback()
    if db.engine.dialect.name == "sqlite":
        with closing(sqlite3.connect(str(db.engine.url.database), isolation_level=None)) as keeper:
            keeper.execute("begin immediate")
            yield
        return
    apart = sa.create_engine(db.engine.url, poolclass=sa.NullPool)
    with apart.connect() as keeper:
        keeper.exec_driver_sql(f"lock table {table} in exclusive mode")
        yield
    apart.dispose()


def test_C07_while_a_lock_is_held_pages_are_read_and_writers_hear_within_seconds(
    app: Flask, visit: Any, make_article: Any, sandbox: Any
) -> None:
    put_on_sale(sandbox)
    slug = make_article().slug
    browser = visit()
    browser.get("/contribute")
    form = browser.page.form("/contribute/checkout")
    with locked("contribution"):
        assert visit().get(f"/articles/{slug}").status == 200
        begun = clock.now()
        answer = browser.client.post(form.action, data={**form.fields, **GIVEN})
        assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
        assert clock.now() - begun < timedelta(seconds=8)
    assert count(Contribution) == 0
    assert browser.post(form.action, {**form.fields, **GIVEN}).status == 303


def test_C07_ten_writers_at_once_all_hear_in_time_and_readers_go_on_meanwhile(
    app: Flask, visit: Any, make_article: Any, sandbox: Any
) -> None:
    """None waits for another's wait: they hear together, no thread and no line to the database is left behind."""
    put_on_sale(sandbox)
    slug = make_article().slug
    browsers = [visit() for _ in range(10)]
    for browser in browsers:
        browser.get("/contribute")
    forms = [browser.page.form("/contribute/checkout") for browser in browsers]
    reader = visit()
    heard: list[tuple[int, float]] = []

    def write(browser: Any, form: Any, number: int) -> None:
        begun = time.monotonic()
        fields = {**form.fields, **GIVEN, "email": f"gus{number}@guest.example"}
        answer = browser.client.post(form.action, data=fields, environ_base={"REMOTE_ADDR": f"127.2.0.{number}"})
        heard.append((answer.status_code, time.monotonic() - begun))

    db.session.remove()
    before, read = threading.active_count(), []
    with locked("contribution"):
        writers = [threading.Thread(target=write, args=(*pair, number)) for number, pair in enumerate(zip(browsers, forms, strict=True))]
        for writer in writers:
            writer.start()
        while any(writer.is_alive() for writer in writers):
            begun = time.monotonic()
            assert reader.get(f"/articles/{slug}").status == 200
            read.append(time.monotonic() - begun)
            writers[0].join(0.1)
    assert [status for status, _ in heard] == [503] * 10
    assert max(seconds for _, seconds in heard) < 5 + 3  # and a busy machine
    assert min(seconds for _, seconds in heard) > 4, "they did wait for the lock"
    assert len(read) >= 10
    assert max(read) < 2
    assert threading.active_count() <= before
    db.session.remove()
    assert db.engine.pool.checkedout() == 0
    assert count(Contribution) == 0


def test_C07_where_all_lines_to_the_database_are_taken_a_page_hears_503_too(
    app: Flask, visit: Any, make_article: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    slug, browser = make_article().slug, visit()
    db.session.remove()
    pool: Any = db.engine.pool
    assert pool.timeout() == 5
    monkeypatch.setattr(pool, "_timeout", 0.2)
    taken = [db.engine.connect() for _ in range(pool.size() + pool._max_overflow)]
    try:
        answer = browser.client.get(f"/articles/{slug}")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    finally:
        for one in taken:
            one.close()
    assert browser.get(f"/articles/{slug}").status == 200
