"""C15: a release is followed by the next one while readers read and Stripe tells, as docs/deploy.md does it ("Without a gap"),
behind the nginx of deploy/nginx.conf: nobody is refused, and every event is kept.

The next release is this one with a revision more, which only adds (a table, an index, columns).
"""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
import sqlalchemy as sa
from flask import Flask

from kit import schema, upgrading
from kit.database import db
from sandbox.delivery import signature
from tests.conftest import WEBHOOK_SECRET
from tests.crash import parts
from tests.scenarios.rows import event_of
from tests.waiting import until

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
CODE = ("kit", "membership", "publishing", "payments", "reports", "demo", "templates", "static", "migrations")
NEXT = """
import sqlalchemy as sa
from alembic import op

revision = "9001"
down_revision = "{head}"
branch_labels = depends_on = None


def upgrade() -> None:
    op.create_table("of_the_next", sa.Column("id", sa.Integer, primary_key=True))
    op.add_column("stripe_event", sa.Column("of_the_next", sa.String(10), nullable=True))
    op.add_column("article", sa.Column("of_the_next", sa.Integer, nullable=False, server_default="0"))
    op.create_index("ix_stripe_event_of_the_next", "stripe_event", ["of_the_next"])
"""


def next_release(folder: Path) -> Path:
    """A checkout of it."""
    for name in CODE:
        shutil.copytree(parts.ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(parts.ROOT / "app.py", folder / "app.py")
    (folder / "migrations" / "versions" / "9001_next.py").write_text(NEXT.format(head=schema.head()))
    return folder


class Front:
    """nginx with deploy/nginx.conf, less TLS, on a port of its own."""

    def __init__(self, folder: Path, upstream: int) -> None:
        self.folder, self.port, self.upstream = folder, parts.free_port(), upstream
        self.site = f"http://127.0.0.1:{self.port}"
        self._write()
        self.process = subprocess.Popen([*self._command, "-g", "daemon off;"], stderr=subprocess.DEVNULL)

    @property
    def _command(self) -> list[str]:
        return [str(NGINX), "-p", str(self.folder), "-c", str(self.folder / "nginx.conf"), "-e", str(self.folder / "error.log")]

    def _write(self) -> None:
        site = (parts.ROOT / "deploy" / "nginx.conf").read_text()
        site = site.replace("127.0.0.1:8000", f"127.0.0.1:{self.upstream}").replace("news.example", "127.0.0.1")
        site = re.sub(r"listen \[::\]:.*|ssl_.*", "", site)
        site = site.replace("listen 443 ssl http2;", f"listen 127.0.0.1:{self.port};").replace(
            "listen 80;", f"listen unix:{self.folder}/80;"
        )
        site = site.replace("/var/cache/nginx/wellspring", f"{self.folder}/cache").replace("/var/log/nginx", str(self.folder))
        temporary = " ".join(f"{kind}_temp_path {self.folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        user = "user root;" if os.getuid() == 0 else ""
        (self.folder / "nginx.conf").write_text(
            f"{user} worker_processes 2; pid {self.folder}/pid; events {{ worker_connections 256; }} http {{ {temporary}\n{site}\n}}"
        )

    def up(self) -> bool:
        try:
            return requests.get(f"{self.site}/healthz", timeout=5).status_code == 200
        except requests.RequestException:
            return False

    def switch(self, upstream: int) -> None:
        """To the other port; comes back when nobody is served by the old one any more."""
        old = self._workers()
        self.upstream = upstream
        self._write()
        subprocess.run([*self._command, "-s", "reload"], check=True, stderr=subprocess.DEVNULL)
        until(lambda: self._workers() - old and not self._workers() & old, what="nginx's old processes to end")

    def _workers(self) -> set[str]:
        return set(subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False).stdout.split())

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)


class Traffic:
    """Pages and events at a fixed rate, each on a line of its own, until it is over."""

    def __init__(self, site: str, pages: list[str]) -> None:
        self.site, self.pages = site, pages
        self.answers: Counter[str] = Counter()
        self.told: list[str] = []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=act, daemon=True) for act in (self._read, self._tell)]

    @contextmanager
    def going_on(self) -> Iterator[None]:
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in self._threads:
                thread.join(30)

    def more(self, count: int) -> None:
        """So many more of each, in the state of things as it is now."""
        wanted = self.answers["page 200"] + count, len(self.told) + count
        until(lambda: self.answers["page 200"] >= wanted[0] and len(self.told) >= wanted[1], what=f"traffic: {self.answers}")

    def _read(self) -> None:
        number = 0
        while not self._over.wait(0.05):
            number += 1
            # A cookie keeps nginx's own copies out of it; the other half are visitors, who may see one.
            cookies = {"seen": "1"} if number % 2 else None
            self._note("page", lambda: requests.get(self.site + self.pages[number % len(self.pages)], cookies=cookies, timeout=20))  # noqa: B023

    def _tell(self) -> None:
        while not self._over.wait(0.05):
            event = event_of(len(self.told))
            body = json.dumps(event).encode()
            headers = {"Stripe-Signature": signature(body, WEBHOOK_SECRET, int(time.time()))}
            if self._note("event", lambda: requests.post(f"{self.site}/webhooks/stripe", data=body, headers=headers, timeout=20)) == 200:  # noqa: B023
                self.told.append(event["id"])

    def _note(self, kind: str, ask: Any) -> int:
        try:
            status = ask().status_code
        except requests.RequestException as error:
            self.answers[f"{kind} {type(error).__name__}: {error}"] += 1
            return 0
        self.answers[f"{kind} {status}"] += 1
        return status


def web(release: Path, environment: dict[str, str], port: int, folder: Path) -> subprocess.Popen[bytes]:
    """As deploy/wellspring-web@.service starts it."""
    command = [str(parts.BIN / "granian"), *"--interface wsgi --factory app:create_app --host 127.0.0.1".split(), "--port", str(port),
               *"--workers 2 --blocking-threads 1 --no-log --respawn-failed-workers".split()]  # fmt: skip
    with (folder / f"web-{port}.log").open("wb") as log:
        return subprocess.Popen(command, cwd=release, env=environment, stdout=log, stderr=log, start_new_session=True)


def ready(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/readyz", timeout=5).status_code == 200
    except requests.RequestException:
        return False


@pytest.mark.slow
def test_C15_a_release_follows_another_and_nobody_is_refused(database: str, tmp_path: Path) -> None:
    if not NGINX:
        pytest.skip("nginx is not here")
    with parts.database(database, tmp_path) as url:
        deploy(database, url, tmp_path)


def deploy(database: str, url: str, folder: Path) -> None:
    old_port, new_port = parts.free_port(), parts.free_port()
    front = Front(folder, old_port)
    environment = parts.environment(url, "http://127.0.0.1:9", front.port, "")
    processes = [web(parts.ROOT, environment, old_port, folder)]
    release = next_release(folder / "next")
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    traffic = Traffic(front.site, ["/", "/contribute", "/account/sign-in"])
    try:
        until(lambda: ready(old_port) and front.up(), seconds=60, what=f"the old release ({folder})")
        with traffic.going_on():
            traffic.more(10)
            upgrade(release, environment, engine)
            assert ready(old_port), "the old release serves until it is relieved"
            traffic.more(20)
            processes.append(web(release, environment, new_port, folder))
            until(lambda: ready(new_port), seconds=60, what=f"the new release ({folder})")
            front.switch(new_port)
            processes[0].terminate()
            assert processes[0].wait(30) == 0
            traffic.more(20)
        assert set(traffic.answers) == {"page 200", "event 200"}, traffic.answers
        with engine.connect() as connection:
            assert set(traffic.told) <= set(connection.scalars(sa.text("select event_id from stripe_event")))
            assert connection.scalar(sa.text("select version_num from alembic_version")) == "9001"
    finally:
        engine.dispose()
        front.stop()
        for process in processes:
            if process.poll() is None:
                process.terminate()
                process.wait(30)


def upgrade(release: Path, environment: dict[str, str], engine: sa.Engine) -> None:
    """The product's own command. On PostgreSQL a long reader is in its way at first; it comes again when he has gone."""
    command = [sys.executable, "-m", "flask", "--app", "app", "db", "upgrade"]
    with engine.connect() as reader:
        reader.execute(sa.text("select count(*) from stripe_event"))
        said = []
        with subprocess.Popen(
            command, cwd=release, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        ) as running:
            for line in running.stderr or ():
                said.append(line)
                if "tried again" in line:
                    reader.rollback()
    assert running.returncode == 0, said
    assert ("tried again" in "".join(said)) == (engine.dialect.name == "postgresql"), said


def test_C15_a_migration_that_gets_no_lock_is_given_up_and_says_who_is_in_the_way(app: Flask) -> None:
    """What had begun is undone."""
    if db.engine.dialect.name == "sqlite":
        pytest.skip("SQLite's writers queue, and its readers are in nobody's way")

    def attempt() -> None:
        with db.engine.connect() as connection:
            upgrading.briefly(connection)
            connection.exec_driver_sql("create table begun (id integer)")
            connection.exec_driver_sql("alter table stripe_event add column never integer")

    with db.engine.connect() as reader:
        reader.execute(sa.text("select /* a report */ count(*) from stripe_event"))
        with pytest.raises(RuntimeError, match="a report"):
            upgrading.patiently(db.engine, attempt, tries=2, pause=0)
    assert not sa.inspect(db.engine).has_table("begun")
