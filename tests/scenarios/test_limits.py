"""C17: no files and no memory left, for the web process and the worker, while life goes on at Stripe and is told.

The limits are the kernel's, put on the running processes from outside. Nobody is asked how a process takes it: it may
refuse, or die and be started again. When there is room again everything goes on, what was acknowledged was kept, and the
oracle of tests/crash finds nothing half-written and nothing twice.
"""

import contextlib
import json
import re
import resource
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from sandbox import Sandbox
from sandbox.delivery import signature
from tests.conftest import WEBHOOK_SECRET
from tests.crash import parts
from tests.crash.trial import Report, Trial
from tests.scenarios.rows import event_of
from tests.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]  # not beside Chromium: both need the machine
SEED, LINES, LARGE = 20261126, 150, 600_000
FILES, MEMORY = resource.RLIMIT_NOFILE, resource.RLIMIT_AS


def files(pid: int) -> int:
    """How many it has open now, by the highest number: the limit is on numbers."""
    return max(int(one.name) for one in Path(f"/proc/{pid}/fd").iterdir()) + 1


def half_its_memory(pid: int) -> int:
    """Of the bytes that it has reserved: what it has it keeps, and gets no more."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * resource.getpagesize() // 2


@contextlib.contextmanager
def at_most(pids: list[int], kind: int, much: Callable[[int], int]) -> Iterator[None]:
    """These processes get no more than that. Where one dies of it, there is nothing to take back."""
    before = {pid: resource.prlimit(pid, kind) for pid in pids}
    for pid, (_soft, hard) in before.items():
        resource.prlimit(pid, kind, (much(pid), hard))
    try:
        yield
    finally:
        for pid, limits in before.items():
            with contextlib.suppress(OSError):
                resource.prlimit(pid, kind, limits)


class Starved(Trial):
    """A trial in which nobody is killed by us."""

    def run(self, kills: int) -> Report:
        """Before anything happens: a worker that has not even the files to start. Whoever keeps it running tries again."""
        whole, starts = self.worker.command, self.worker.starts
        until(self.worker.up, seconds=60, what="the worker")
        self.worker.command = ["prlimit", "--nofile=9:1024", *whole]
        self.worker.kill()
        until(lambda: self.worker.starts > starts + 1, seconds=60, what="a worker that ended by itself")
        self.worker.command = whole
        return super().run(kills)

    def _kill(self, _kills: int) -> None:
        # The worker first, while it still has threads to start and modules to load: later it lives on what it has for a minute.
        for starve in (self._worker_without_memory, self._web_without_files, self._web_without_memory):
            starve()
            self._delivered(8)
            until(self.worker.up, seconds=60, what=f"the worker, after {starve.__name__}")
            # New lines go to either of the web's processes: one that only looks alive would be met.
            until(lambda: all(self.web.up() for _ in range(12)), seconds=60, what=f"web, after {starve.__name__}")
            self.report.kills[starve.__name__] += 1

    def _delivered(self, more: int) -> None:
        wanted = self.courier.deliveries + more
        until(lambda: self.courier.deliveries >= wanted, seconds=60, what="deliveries that are acknowledged")

    def _web_without_files(self) -> None:
        """Lines that nobody speaks on, more than there are numbers for. When they are shut it goes on, though the limit stays."""
        with at_most(self.web.children(), FILES, lambda pid: files(pid) + 8), contextlib.ExitStack() as idle:
            for _ in range(LINES):
                with contextlib.suppress(OSError):
                    idle.enter_context(socket.create_connection(("127.0.0.1", self.port), timeout=5))
            until(lambda: not self.web.up(), seconds=60, what="somebody new who is not answered")
            idle.close()
            until(self.web.up, seconds=60, what="an answer")

    def _web_without_memory(self) -> None:
        """A large event is refused, or kills the process; told again with room, it is taken in."""
        with at_most(self.web.children(), MEMORY, half_its_memory):
            until(lambda: not self._tell(LARGE), seconds=60, what="an event that is not acknowledged")
        until(lambda: self._tell(LARGE), seconds=60, what="its acknowledgement")

    def _tell(self, size: int) -> bool:
        event = event_of(size)
        body = json.dumps(event).encode()
        try:
            headers = {"Stripe-Signature": signature(body, WEBHOOK_SECRET, int(time.time()))}
            kept = requests.post(f"{self.site}/webhooks/stripe", data=body, headers=headers, timeout=5).status_code == 200
        except requests.RequestException:
            return False
        if kept:
            self.courier.acknowledged[event["id"]] = event["type"]
        return kept

    def _worker_without_memory(self) -> None:
        starts, failed = self.worker.starts, self._complaints()
        with at_most([self.worker.process.pid], MEMORY, half_its_memory):
            until(lambda: self.worker.starts > starts or self._complaints() > failed + 5, seconds=60, what="a worker that feels it")

    def _complaints(self) -> int:
        """Without memory there are no new threads and nothing is loaded any more."""
        return len(re.findall("event not applied|can't start new thread|MemoryError", self.worker.log.read_text(errors="replace")))


def test_C17_without_files_or_memory_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    """On SQLite, whose files are the process's own; the limits are the processes' and not the database's."""
    with parts.database("sqlite", tmp_path) as url, Sandbox(seed=SEED, webhook_secret=WEBHOOK_SECRET) as stand_in:
        report = Starved("sqlite", SEED, tmp_path, url, stand_in, "").run(0)
    assert report.wrong == []
    assert report.kills.total() == 3
