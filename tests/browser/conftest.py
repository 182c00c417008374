"""Chromium against the whole of `make run`: web, worker, sandbox, on each database."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, sync_playwright

from tests.conftest import POSTGRES
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]  # fmt: skip


@dataclass
class Site:
    """A running Wellspring and its sandbox."""

    url: str
    sandbox: str
    ahead: bool = False  # is the clock at Stripe ahead of ours?

    def mails(self) -> list[dict[str, Any]]:
        with urllib.request.urlopen(f"{self.url}/_dev/mailbox.json", timeout=10) as answer:
            return json.load(answer)

    def mail(self, to: str, subject: str) -> dict[str, Any]:
        """The newest mail to this address whose subject matches; waits for it."""

        def found() -> dict[str, Any] | None:
            return next((m for m in self.mails() if m["to"] == to and re.search(subject, m["subject"])), None)

        return until(found, what=f"a mail to {to} about {subject}")

    def tell_sandbox(self, path: str, **body: Any) -> Any:
        request = urllib.request.Request(f"{self.sandbox}/_sandbox/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture(scope="session")
def site(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """What `make run` starts, on an empty database of this engine; stopped by Ctrl-C, which must exit 0."""
    folder = tmp_path_factory.mktemp("site")
    url, server, name = f"sqlite:///{folder / 'site.db'}", None, f"wellspring_walk_{os.getpid()}"
    if database == "postgresql":
        assert POSTGRES
        server = sa.create_engine(POSTGRES.replace("postgresql://", "postgresql+psycopg://", 1), isolation_level="AUTOCOMMIT")
        with server.connect() as connection:
            connection.execute(sa.text(f'create database "{name}"'))
        url = POSTGRES.rsplit("/", 1)[0] + f"/{name}"
    port, sandbox_port = _free_port(), _free_port()
    left_empty = re.findall(r"^([A-Z_]+)=$", (ROOT / ".env.example").read_text(), re.MULTILINE)
    environment = {
        **dict.fromkeys(left_empty, ""),  # as somebody has them who copied the example
        **{key: value for key, value in os.environ.items() if not key.startswith(("STRIPE_", "DATABASE_URL"))},
        "DATABASE_URL": url,
        "PORT": str(port),
        "SANDBOX_PORT": str(sandbox_port),
        "DEMO_READERS": "60",
        "SANDBOX_STATE": str(folder / "sandbox.db"),
        "WELLSPRING_WORKER": f"walk-{database}",
        "WEB_CONCURRENCY": "1",
    }
    log = (folder / "run.log").open("w+")
    run = subprocess.Popen([sys.executable, "deploy/run.py"], cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        until(
            lambda: "Ctrl-C stops it" in (folder / "run.log").read_text() or run.poll() is not None, seconds=180, what="make run to answer"
        )
        assert run.poll() is None, (folder / "run.log").read_text()
        yield Site(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{sandbox_port}")
        run.send_signal(signal.SIGINT)
        assert run.wait(timeout=60) == 0, (folder / "run.log").read_text()
    finally:
        if run.poll() is None:
            run.kill()
        log.close()
        if server is not None:
            with server.connect() as connection:
                connection.execute(sa.text(f'drop database "{name}" with (force)'))
            server.dispose()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, for one module and no longer: while Playwright runs, its event loop is this thread's, and the job engine starts in none."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (apt-get install chromium)")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield found
        found.close()
