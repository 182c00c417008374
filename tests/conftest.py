"""Fixtures: an application on each database, people who visit it, their mail, the queue, and Stripe's stand-in.

Every test that takes ``app`` runs on SQLite, and on PostgreSQL where a server answers (TEST_DATABASE_URL, or
127.0.0.1:5432). ``--database sqlite`` keeps to one.
"""

import ipaddress
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from app import create_app
from kit import clock, jobs, timekeeping
from kit.database import db
from kit.mail import OutboxMail
from tests import factories
from tests.visits import Visitor

ROOT = Path(__file__).resolve().parent.parent
WEBHOOK_SECRET = "whsec_test_of_this_suite_only"

hypothesis_settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
hypothesis_settings.load_profile("suite")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--database", choices=["sqlite", "postgresql", "all"], default="all", help="which databases to run on")


# --- nothing leaves this machine -------------------------------------------------------------------------------------

_connect = socket.socket.connect


def _loopback_only(self: socket.socket, address: Any) -> Any:
    if self.family in (socket.AF_INET, socket.AF_INET6):
        host = address[0]
        try:
            local = ipaddress.ip_address(host).is_loopback
        except ValueError:
            local = host == "localhost"
        if not local:
            raise RuntimeError(f"a test tried to reach {host}")
    return _connect(self, address)


socket.socket.connect = _loopback_only  # type: ignore[method-assign]


# --- databases -------------------------------------------------------------------------------------------------------


def _postgres_server() -> str | None:
    """The address of a PostgreSQL server to make databases on, or None."""
    asked = os.environ.get("TEST_DATABASE_URL")
    if asked:
        return asked
    try:
        socket.create_connection(("127.0.0.1", 5432), timeout=1).close()
    except OSError:
        return None
    return "postgresql://postgres@127.0.0.1:5432/postgres"


POSTGRES = _postgres_server()


def pytest_report_header() -> str:
    return f"databases: SQLite, {'PostgreSQL' if POSTGRES else 'no PostgreSQL (no server on 127.0.0.1:5432, TEST_DATABASE_URL not set)'}"


def pytest_runtest_teardown() -> None:
    """An application that a test makes as in production keeps time for this whole process (kit/timekeeping.py)."""
    timekeeping.end()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "database" not in metafunc.fixturenames:
        return
    chosen = metafunc.config.getoption("--database")
    engines = [pytest.param("sqlite", id="sqlite")] if chosen != "postgresql" else []
    if chosen != "sqlite":
        skip = (
            [] if POSTGRES else [pytest.mark.skip(reason="no PostgreSQL server answers on 127.0.0.1:5432 and TEST_DATABASE_URL is not set")]
        )
        engines.append(pytest.param("postgresql", id="postgresql", marks=skip))
    metafunc.parametrize("database", engines, scope="session")


def _migrate(url: str) -> None:
    """In a process of its own, as an operator does it."""
    environment = {**os.environ, "DATABASE_URL": url, "APP_ENV": "development"}
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "app", "db", "upgrade"], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"migrations failed on {url}:\n{done.stdout}\n{done.stderr}")


GROWN = 2**19  # bytes


class Databases:
    """One migrated database an engine and test process; emptied before each test."""

    def __init__(self, folder: Path, worker: str) -> None:
        self.folder, self.worker = folder, worker
        self.urls: dict[str, str] = {}
        self.tables: list[str] = []

    def url(self, engine: str) -> str:
        if engine not in self.urls:
            self.urls[engine] = self._sqlite() if engine == "sqlite" else self._postgresql()
        return self.urls[engine]

    def _sqlite(self) -> str:
        template, migrated = self.folder / "template.db", os.environ.get("WELLSPRING_TEST_TEMPLATE")
        if migrated:  # by the suite that started this one (tests/mutants)
            shutil.copyfile(migrated, template)
            return f"sqlite:///{self.folder / 'test.db'}"
        _migrate(f"sqlite:///{template}")
        connection = sa.create_engine(f"sqlite:///{template}")
        with connection.connect() as plain:
            plain.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.dispose()
        return f"sqlite:///{self.folder / 'test.db'}"

    def _postgresql(self) -> str:
        assert POSTGRES
        parts = urlsplit(POSTGRES)
        name = self.name = f"wellspring_test_{self.worker}_{os.getpid()}"  # several suites may run on one server
        server = sa.create_engine(POSTGRES.replace("postgresql://", "postgresql+psycopg://", 1), isolation_level="AUTOCOMMIT")
        with server.connect() as connection:
            connection.execute(sa.text(f'drop database if exists "{name}" with (force)'))
            connection.execute(sa.text(f'create database "{name}"'))
            # The suite tests what is committed, not the disk: tests/crash has databases of its own.
            connection.execute(sa.text(f'alter database "{name}" set synchronous_commit = off'))
        server.dispose()
        url = parts._replace(path=f"/{name}").geturl()
        _migrate(url)
        return url

    def drop(self) -> None:
        """Leave the server as it was."""
        if "postgresql" in self.urls and POSTGRES:
            server = sa.create_engine(POSTGRES.replace("postgresql://", "postgresql+psycopg://", 1), isolation_level="AUTOCOMMIT")
            with server.connect() as connection:
                connection.execute(sa.text(f'drop database if exists "{self.name}" with (force)'))
            server.dispose()

    def empty(self, app: Flask) -> None:
        """As migrated, before the next test."""
        with app.app_context():
            db.session.remove()
            if db.engine.dialect.name == "sqlite":
                db.engine.dispose()
                for suffix in ("-wal", "-shm"):
                    (self.folder / f"test.db{suffix}").unlink(missing_ok=True)
                shutil.copyfile(self.folder / "template.db", self.folder / "test.db")
                return
            with db.engine.begin() as connection:
                self._delete_rows(connection)

    def _delete_rows(self, connection: sa.Connection) -> None:
        """Only from tables that have any: truncating all of them costs more than most tests. Sequences begin anew.

        A table that has grown is truncated: deleted rows stay on its pages, and each later test would read through them
        (after a burst of events that was 46 MB, a twentieth of a second for each look that finds nothing).
        """
        if not self.tables:
            names = sa.text(
                "select table_schema, table_name from information_schema.tables where table_type = 'BASE TABLE' and (table_schema = 'public' "
                "and table_name <> 'alembic_version' or table_schema = 'dbos' and table_name not like '%migrations%')"
            )
            self.tables = [f'"{schema}"."{name}"' for schema, name in connection.execute(names)]
        probe = " union all ".join(
            f"select '{name}', pg_relation_size('{name}'::regclass) where exists (select 1 from {name})" for name in self.tables
        )
        found = list(connection.execute(sa.text(probe)))
        filled = [name for name, _size in found]
        if not filled:
            return
        # Neither the ledger's triggers nor foreign keys have a say in this.
        connection.execute(sa.text("set local session_replication_role = replica"))
        for name, size in found:
            if size < GROWN or not self._truncated(connection, name):
                connection.execute(sa.text(f"delete from {name}"))
        sequences = connection.scalars(
            sa.text("select pg_get_serial_sequence(t, c) from unnest(cast(:t as text[])) t cross join (values ('id')) v(c) where exists "
                    "(select 1 from pg_attribute where attrelid = t::regclass and attname = c and not attisdropped)"),
            {"t": filled},
        )  # fmt: skip
        for sequence in [found for found in sequences if found]:
            connection.execute(sa.text("select setval(cast(:s as regclass), 1, false)"), {"s": sequence})

    def _truncated(self, connection: sa.Connection, name: str) -> bool:
        """False where somebody still looks at it."""
        try:
            with connection.begin_nested():
                connection.execute(sa.text("set local lock_timeout = '300ms'"))
                connection.execute(sa.text(f"truncate {name} cascade"))
        except sa.exc.OperationalError:
            return False
        return True


@pytest.fixture(scope="session")
def databases(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Databases]:
    memory = Path("/dev/shm")  # noqa: S108 - where there is one, its syncs are free
    roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 2**28
    folder = Path(tempfile.mkdtemp(prefix="wellspring-", dir=memory)) if roomy else tmp_path_factory.mktemp("databases")
    made = Databases(folder, worker_id)
    yield made
    made.drop()
    shutil.rmtree(folder, ignore_errors=True)


def app_settings(url: str) -> dict[str, Any]:
    """Settings of the suite: nothing from the environment decides."""
    return {
        "APP_ENV": "development",
        "SECRET_KEY": "a-secret-key-for-this-suite-only-0123456789",
        "SECRET_KEY_FALLBACKS": [],
        "DATABASE_URL": url,
        "PUBLIC_URL": "http://localhost",
        "SITE_NAME": "The Ferry Bell",
        "TIMEZONE": "America/New_York",
        "CURRENCY": "usd",
        "LOCALE": "en_US",
        "STRIPE_SECRET_KEY": "sk_test_suite",
        "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "STRIPE_NOTIFICATION_SECRET": "",
        "STRIPE_ACCOUNT": "",
        "STRIPE_API_BASE": "http://127.0.0.1:9",
        "STRIPE_RATE": 10_000,
        "SMTP_URL": "console:",
        "MAIL_FROM": "The Ferry Bell <news@localhost>",
        "REDIS_URL": "",
        "LOG_LEVEL": "ERROR",
        "GRACE_DAYS": 7,
        "METER_LIMIT": 3,
        "JOB_RETRY_SECONDS": 0.01,
        "TESTING": True,
    }


@pytest.fixture(scope="session")
def apps(databases: Databases) -> Iterator[Callable[[str], Flask]]:
    """The application for an engine, made once a test process."""
    made: dict[str, Flask] = {}

    def of(engine: str) -> Flask:
        if engine not in made:
            url = databases.url(engine)
            if engine == "sqlite":
                shutil.copyfile(databases.folder / "template.db", databases.folder / "test.db")
            made[engine] = create_app(app_settings(url))
        return made[engine]

    yield of
    for app in made.values():
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


@pytest.fixture
def app(database: str, apps: Callable[[str], Flask], databases: Databases) -> Iterator[Flask]:
    """The application on an empty database, with its context pushed."""
    found = apps(database)
    databases.empty(found)
    sent: list[Any] = []
    found.extensions["mail_transport"] = sent.append
    found.extensions["sent_mail"] = sent
    with found.app_context():
        yield found
        db.session.remove()


# --- people, mail, the queue -----------------------------------------------------------------------------------------


@pytest.fixture
def visit(app: Flask) -> Callable[..., Visitor]:
    """``visit()`` is a stranger's browser, ``visit(account)`` a signed-in person's."""

    def browser(account: Any = None) -> Visitor:
        visitor = Visitor(app)
        if account is not None:
            factories.sign_in(visitor, account)
        return visitor

    return browser


@pytest.fixture
def visitor(visit: Callable[..., Visitor]) -> Visitor:
    return visit()


@pytest.fixture
def client(app: Flask) -> Any:
    """Flask's plain test client."""
    return app.test_client()


@pytest.fixture
def outbox(app: Flask) -> Callable[[], list[OutboxMail]]:
    """``outbox()``: the mails written so far, oldest first."""

    def written() -> list[OutboxMail]:
        db.session.rollback()
        return list(db.session.scalars(sa.select(OutboxMail).order_by(OutboxMail.id)))

    return written


@pytest.fixture
def drain(app: Flask) -> Callable[..., int]:
    """``drain()`` runs every queued job now, in order, until none is left, and answers how many ran.

    The engine itself is tested in tests/kit/test_jobs.py; here a job runs in this thread, so that a test can look
    between two of them. A job that fails raises, unless ``failing=True``.
    """

    def run(*, failing: bool = False, most: int = 10_000) -> int:
        ran = 0
        db.session.rollback()
        while ran < most and (due := jobs.waiting(app)):
            for workflow_id, name, args in due[: most - ran]:
                try:
                    jobs.run(app, name, args)
                except Exception:
                    if not failing:
                        raise
                jobs.client().cancel_workflow(workflow_id)  # keeps its id, so a second enqueue stays refused
                ran += 1
        db.session.rollback()
        return ran

    return run


@pytest.fixture
def make_account(app: Flask) -> Callable[..., Any]:
    """``make_account(email="ann@reader.example", confirmed=True, role=None)``: committed."""
    return factories.make_account


@pytest.fixture
def member(app: Flask) -> Callable[..., Any]:
    """``member()``: an account with a paid subscription until a month from now."""
    return factories.make_member


@pytest.fixture
def staff(app: Flask) -> Callable[..., Any]:
    """``staff("editor")``: an account with that role."""

    def make(role: str = "owner") -> Any:
        return factories.make_account(email=f"{role}@desk.example", role=role)

    return make


@pytest.fixture
def make_article(app: Flask) -> Callable[..., Any]:
    """``make_article(slug=..., access="members", body=...)``: published an hour ago, committed."""
    return factories.make_article


@pytest.fixture
def sandbox(app: Flask) -> Iterator[Any]:
    """Stripe's stand-in, empty, with the application pointed at it."""
    from payments import gateway
    from sandbox import Sandbox

    stand_in = Sandbox(seed=1, webhook_secret=WEBHOOK_SECRET)
    stand_in.start()
    before = app.config["STRIPE_API_BASE"]
    app.config["STRIPE_API_BASE"] = stand_in.url
    getattr(gateway, "forget_client", lambda: None)()
    yield stand_in
    app.config["STRIPE_API_BASE"] = before
    getattr(gateway, "forget_client", lambda: None)()
    stand_in.stop()


@pytest.fixture
def deliver(app: Flask, sandbox: Any, drain: Callable[..., int]) -> Callable[..., list[int]]:
    """``deliver()`` posts what the sandbox has to tell to the webhook, runs the jobs, and answers the statuses."""

    def post(*, deliveries: list[Any] | None = None, jobs_too: bool = True) -> list[int]:
        client = app.test_client()
        found = sandbox.take_deliveries() if deliveries is None else deliveries
        statuses = [client.post("/webhooks/stripe", data=one.body, headers=dict(one.headers)).status_code for one in found]
        if jobs_too:
            drain()
        return statuses

    return post


__all__ = ["clock", "timedelta"]
