"""Row W11 of docs/scenarios: lines that dawdle, at nginx as it is shipped, and at the application's own server with nothing in front.

What a line does is no matter of the database, so this runs on SQLite alone.
"""

import contextlib
import select
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from bench.front import NAME, missing
from tests import waiting
from tests.scenarios.front import World, world

pytestmark = pytest.mark.xdist_group("front")  # one nginx
NOBODY = "127.0.0.8"  # lines that may go on for long come from here
TO_US = f"Host: {NAME}\r\n".encode()
FORM = b"POST /account/sign-in HTTP/1.1\r\n" + TO_US + b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 4000\r\n\r\n"


def event() -> bytes:
    """The head of a post that might be Stripe's: its time is now."""
    return b"POST /webhooks/stripe HTTP/1.1\r\n" + TO_US + b"Content-Length: 4000\r\nStripe-Signature: t=%d,v1=00\r\n\r\n" % time.time()


@dataclass
class Slow:
    """Lines of one kind: what each begins with, and what it adds every so many seconds."""

    name: str
    begins: bytes
    adds: bytes = b""
    every: float = 1.0
    tls: bool = True
    lines: list[socket.socket] = field(default_factory=list)
    closed: dict[int, float] = field(default_factory=dict)  # the line's number: after how many seconds

    def begin(self, connect: Any) -> None:
        for _ in range(5):
            line = connect()
            line.sendall(self.begins)
            line.setblocking(False)
            self.lines.append(line)

    def go_on(self, seconds: float) -> None:
        """Add bytes and see which are closed, until all are or ``seconds`` are over."""
        began = time.monotonic()
        next_at = self.every
        while (now := time.monotonic() - began) < seconds and len(self.closed) < len(self.lines):
            open_ones = {line: number for number, line in enumerate(self.lines) if number not in self.closed}
            for line in select.select(list(open_ones), [], [], 0.2)[0]:
                if over(line):
                    self.closed[open_ones.pop(line)] = now
            if now >= next_at and self.adds:
                next_at += self.every
                for line, number in open_ones.items():
                    try:
                        line.sendall(self.adds)
                    except OSError:
                        self.closed[number] = now


def over(line: socket.socket) -> bool:
    """Has the other side ended it (what it says before that, a 408, is read)?"""
    try:
        return not line.recv(65536)
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    except OSError:
        return True


@pytest.fixture(scope="module")
def site(apps: Any, databases: Any) -> Iterator[World]:
    with world("sqlite", apps, databases) as standing:
        yield standing


@contextlib.contextmanager
def dawdling(kinds: list[Slow], seconds: float) -> Iterator[list[threading.Thread]]:
    """All of them at once, beside whatever is done meanwhile; ended with it."""
    threads = [threading.Thread(target=kind.go_on, args=(seconds,)) for kind in kinds]
    for thread in threads:
        thread.start()
    try:
        yield threads
    finally:
        for thread in threads:
            thread.join()
        for kind in kinds:
            for line in kind.lines:
                line.close()


@pytest.mark.slow
@pytest.mark.skipif(bool(missing()), reason=f"{missing()} is not installed")
def test_W11_dawdling_lines_are_closed_within_half_a_minute_and_hold_up_nobody(site: World) -> None:
    get = b"GET / HTTP/1.1\r\n" + TO_US
    kinds = [
        Slow("silent before TLS", b"", tls=False),
        Slow("half of TLS's hello", b"\x16\x03\x01\x02\x00\x01", tls=False),
        Slow("silent", b""),
        Slow("half a header", get),
        Slow("a header byte by byte", get + b"X-A: ", b"a"),
        Slow("half a form", FORM + b"{"),
        Slow("a form, a byte every ten seconds", FORM, b"a", every=10),
        Slow("half an event", event() + b"{"),
        Slow("an event, a byte every ten seconds", event(), b"a", every=10),
        Slow("asked, and now idle", b"GET /healthz HTTP/1.1\r\n" + TO_US + b"\r\n"),
    ]
    for kind in kinds:
        kind.begin((lambda: socket.create_connection(("127.0.0.1", site.front.tls))) if not kind.tls else site.line)
    # An event that comes byte by byte, a second apart, nginx lets come. It is nobody's burden but nginx's.
    steady = Slow("an event, a byte a second", event(), b" ")
    steady.begin(lambda: site.line(NOBODY))
    with dawdling(kinds, 30), dawdling([steady], 22):
        waits, until = [], time.monotonic() + 20
        while (asked := time.monotonic()) < until:
            assert site.ask("/account/sign-in").status == 200
            waits.append(time.monotonic() - asked)
            threading.Event().wait(0.2)
    assert {kind.name: len(kind.closed) for kind in kinds} == {kind.name: 5 for kind in kinds}
    assert max(max(kind.closed.values()) for kind in kinds) < 30
    assert max(waits) < 5
    assert steady.closed == {}


@pytest.mark.skipif(bool(missing()), reason=f"{missing()} is not installed")
def test_W11_one_address_has_so_many_lines_and_no_more(site: World) -> None:
    """A hundred bodies that never come, from one address: the next request from there waits its turn, others do not."""
    with contextlib.ExitStack() as lines:
        for _ in range(100):
            line = lines.enter_context(site.line(NOBODY))
            line.sendall(FORM + b"{")
        waiting.until(lambda: site.ask("/", source=NOBODY).status == 429, seconds=7, what="nginx to have seen all of them")
        assert site.ask("/").status == 200
        body = b'{"id": "evt_x"}'
        assert site.ask("/webhooks/stripe", "POST", body, source=NOBODY).status == 400  # twice as many for events


def test_W11_with_nothing_in_front_as_many_bodies_as_workers_hold_it_up(site: World) -> None:
    """What docs/deploy.md warns of: the server reads a body while its worker waits, for as long as it takes."""
    granian = ("127.0.0.1", site.server.port)

    def answered(patience: float) -> bool:
        with socket.create_connection(granian, timeout=patience) as line, contextlib.suppress(TimeoutError):
            line.sendall(b"GET /healthz HTTP/1.1\r\n" + TO_US + b"Connection: close\r\n\r\n")
            return b" 200 " in line.recv(100)
        return False

    with contextlib.ExitStack() as lines:
        for head in (b"", b"GET / HTTP/1.1\r\n"):  # nothing, and half a header: no worker waits for these
            for _ in range(20):
                lines.enter_context(socket.create_connection(granian)).sendall(head)
        assert answered(10)
        lines.enter_context(socket.create_connection(granian)).sendall(event() + b"{")
        waiting.until(lambda: not answered(2), what="the worker to begin with it")
        assert not answered(2)
    assert answered(10)  # it is free again once that line is gone
