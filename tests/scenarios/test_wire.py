"""Rows W03 and W11 of docs/scenarios, over a real socket at the real server: raw bytes, bodies without an end, lines that die."""

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from stripe import WebhookSignature

from bench.servers import Server, tree
from kit.database import db
from payments import gateway
from payments.domain import signatures
from payments.models import StripeEvent
from tests.conftest import WEBHOOK_SECRET, app_settings

BODY = json.dumps({"id": "evt_1", "object": "event", "type": "customer.subscription.updated", "created": 1, "livemode": False,
                   "api_version": gateway.API_VERSION, "data": {"object": {"id": "sub_1", "customer": "cus_1"}}}).encode()  # fmt: skip
HEAD = b"POST /webhooks/stripe HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.fixture
def server(app: Any) -> Iterator[Server]:
    """As it is shipped, on the test's database."""
    db.session.remove()
    settings = {name: str(value) for name, value in app_settings(app.config["DATABASE_URL"]).items() if isinstance(value, (str, int))}
    with Server("app:create_app", {**settings, "TESTING": "", "PYTHONWARNINGS": "default"}) as started:
        yield started


def said(server: Server, *sent: bytes, patience: float = 10.0) -> int:
    """The status that these bytes are answered with; 0 when the line is closed without a word."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=patience) as line:
        answer = b""
        with contextlib.suppress(ConnectionError):
            for part in sent:
                line.sendall(part)
        with contextlib.suppress(ConnectionError):
            answer = line.recv(4096)
    return int(answer.split()[1]) if answer else 0


def posted(server: Server, *headers: bytes, body: bytes = BODY) -> int:
    return said(server, HEAD + b"".join(one + b"\r\n" for one in headers) + b"Content-Length: %d\r\n\r\n" % len(body) + body)


def good() -> bytes:
    return b"Stripe-Signature: " + WebhookSignature.generate_signature_header(BODY.decode(), WEBHOOK_SECRET).encode()


def rows() -> int:
    db.session.rollback()
    found = db.session.scalar(select(func.count()).select_from(StripeEvent)) or 0
    db.session.rollback()
    return found


def memory(server: Server) -> int:
    """Resident kB of the server and its workers."""
    total = 0
    for pid in tree(server.process.pid):
        with contextlib.suppress(OSError):
            status = Path(f"/proc/{pid}/status").read_text().splitlines()
            total += sum(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
    return total


def test_W03_W11_raw_bytes_endless_bodies_and_dead_lines(server: Server) -> None:
    headers = {
        "not ASCII": (b"Stripe-Signature: t=1,v1=\xe9\xff",),
        "NUL": (b"Stripe-Signature: t=1\x00,v1=00",),
        "8 kB": (b"Stripe-Signature: t=1,v1=" + b"0" * 8192,),
        "twice, both forged": (b"Stripe-Signature: t=1,v1=00", b"Stripe-Signature: t=1,v1=00"),
        "none": (),
        "genuine, and not ASCII": (good() + b",x=\xe9\xff",),
        "genuine, and a NUL": (good() + b"\x00",),
        "genuine, padded to 8 kB": (good() + b",v0=" + b"0" * 8192,),
        "genuine and forged": (good(), b"Stripe-Signature: t=1,v1=00"),
        "genuine, twice": (good(), good()),
    }
    for name, lines in headers.items():
        status = posted(server, *lines)
        assert status in (0, 400, 431), f"{name}: {status}"
    assert rows() == 0
    before = memory(server)
    huge = b"Content-Length: 1000000000\r\n\r\n"
    assert said(server, HEAD + good() + b"\r\n" + huge + b"x" * 65536) == 413
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    endless = [chunk] * (4 * signatures.LARGEST // 65536)
    assert said(server, HEAD + good() + b"\r\nTransfer-Encoding: chunked\r\n\r\n", *endless) in (0, 413)
    for _ in range(20):  # half open: it begins and goes away
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as line:
            line.sendall(HEAD + b"Content-Length: 4000\r\n\r\n{")
    assert memory(server) - before < 30_000
    assert rows() == 0
    with contextlib.ExitStack() as slow:  # each sends a byte and then nothing, ten to each worker: no worker waits for them
        for _ in range(20):
            line = slow.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=5))
            line.sendall(HEAD + b"Content-Length: 4000\r\n\r\n{")
        began = time.monotonic()
        assert posted(server, good()) == 200
        assert time.monotonic() - began < 5
    assert rows() == 1
