"""The processes that are killed, and the database they work on."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import requests
import sqlalchemy as sa

from tests.conftest import POSTGRES, WEBHOOK_SECRET, _migrate, app_settings

SECRET_KEY = app_settings("")["SECRET_KEY"]  # the suite's: it signs the cookies of the harness's readers
ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Part:
    """A process group that is started again whenever it has ended, until we stop it."""

    def __init__(self, name: str, command: list[str], environment: dict[str, str], folder: Path, ready: Callable[["Part"], bool]) -> None:
        self.name, self.command, self.environment, self.folder, self._ready = name, command, environment, folder, ready
        self.starts, self.stopping = 0, False
        self._lock = threading.Lock()
        self.process: subprocess.Popen[bytes]
        self._start()
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        self._keeper.start()

    @property
    def log(self) -> Path:
        """What the present process says."""
        return self.folder / f"{self.name}-{self.starts}.log"

    def _start(self) -> None:
        self.starts += 1
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self.command, cwd=ROOT, env=self.environment, stdout=subprocess.DEVNULL, stderr=log, start_new_session=True
            )

    def _keep(self) -> None:
        while not self.stopping:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=0.2)
                with self._lock:
                    self._clear()
                    if not self.stopping:
                        self._start()

    def _clear(self) -> None:
        """Whatever of the group outlived its head, as a service manager does it."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def up(self) -> bool:
        return self.process.poll() is None and self._ready(self)

    def children(self) -> list[int]:
        """The processes that the head has started."""
        found = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False)
        return [int(line) for line in found.stdout.split()]

    def kill(self) -> None:
        """SIGKILL to the head alone; its children die when the keeper notices."""
        with self._lock, contextlib.suppress(ProcessLookupError):
            self.process.kill()

    def kill_child(self, choose: Callable[[list[int]], int]) -> bool:
        """SIGKILL to one of its children; False when there is none."""
        with self._lock:
            children = self.children()
            if not children:
                return False
            with contextlib.suppress(ProcessLookupError):
                os.kill(choose(children), signal.SIGKILL)
            return True

    def stop(self) -> None:
        self.stopping = True
        self._keeper.join(timeout=10)
        with self._lock:
            if self.process.poll() is None:
                self.process.terminate()
                try:
                    self.process.wait(timeout=20)
                except subprocess.TimeoutExpired:
                    self.process.kill()
                    self.process.wait()
            self._clear()


def environment(database_url: str, stripe_url: str, port: int, mutant: str) -> dict[str, str]:
    """What each part is started with: nothing of the caller's own settings."""
    foreign = ("STRIPE_", "DATABASE_URL", "PUBLIC_URL", "APP_ENV", "SMTP_", "SECRET_", "WELLSPRING_", "GRANIAN_")
    return {
        **{key: value for key, value in os.environ.items() if not key.startswith(foreign)},
        "APP_ENV": "development",
        "DATABASE_URL": database_url,
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "SECRET_KEY": SECRET_KEY,
        "STRIPE_API_BASE": stripe_url,
        "STRIPE_SECRET_KEY": "sk_test_crash",
        "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "WELLSPRING_WORKER": "crash-1",
        "JOB_RETRY_SECONDS": "0.2",
        "PROXY_HOPS": "1",  # each visitor of the harness has an address of her own
        "PYTHONUNBUFFERED": "1",
        "CRASH_MUTANT": mutant,
    }


def web(environment_: dict[str, str], port: int, folder: Path) -> Part:
    """The web server as `make run` starts it."""
    module = "tests.crash.broken" if environment_["CRASH_MUTANT"] else "app"
    command = [
        *(str(BIN / "granian"), "--interface", "wsgi", "--factory", f"{module}:create_app", "--host", "127.0.0.1", "--port", str(port)),
        *("--workers", "2", "--blocking-threads", "1", "--no-log", "--respawn-failed-workers"),
    ]

    def answers(_part: Part) -> bool:
        try:
            return requests.get(f"http://127.0.0.1:{port}/healthz", timeout=2).status_code == 200
        except requests.RequestException:
            return False

    return Part("web", command, environment_, folder, answers)


def worker(environment_: dict[str, str], folder: Path) -> Part:
    """The worker as `make run` starts it, but looking at the queue more often."""
    module = "tests.crash.broken" if environment_["CRASH_MUTANT"] else "app"
    command = [sys.executable, "-m", "flask", "--app", module, "worker", "--polling", "0.1"]
    return Part("worker", command, environment_, folder, lambda part: "worker started" in part.log.read_text(errors="replace"))


@contextlib.contextmanager
def database(engine: str, folder: Path) -> Iterator[str]:
    """A migrated database of its own; gone afterwards."""
    if engine == "sqlite":
        url = f"sqlite:///{folder / 'crash.db'}"
        _migrate(url)
        yield url
        return
    if not POSTGRES:
        raise SystemExit("No PostgreSQL server answers on 127.0.0.1:5432 and TEST_DATABASE_URL is not set.")
    name = f"wellspring_crash_{os.getpid()}_{time.time_ns() % 1_000_000}"
    server = sa.create_engine(POSTGRES.replace("postgresql://", "postgresql+psycopg://", 1), isolation_level="AUTOCOMMIT")
    try:
        with server.connect() as connection:
            connection.execute(sa.text(f'create database "{name}"'))
        url = urlsplit(POSTGRES)._replace(path=f"/{name}").geturl()
        _migrate(url)
        yield url
    finally:
        with server.connect() as connection:
            connection.execute(sa.text(f'drop database if exists "{name}" with (force)'))
        server.dispose()
