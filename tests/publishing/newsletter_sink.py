"""A mail server on loopback that does as it is told: takes, refuses, defers, drops the line before or after its 250."""

import asyncio
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from typing import Any

from aiosmtpd.controller import Controller
from flask import Flask

from kit.transport import Smtp


class Sink:
    """``mails`` as they arrived; ``at_rcpt`` and ``at_data`` may answer for the address (None: take it).

    A ``at_data`` of "drop" takes the letter and breaks the line before saying so.
    """

    def __init__(self) -> None:
        self.mails: list[Any] = []
        self.raw: list[bytes] = []
        self.at_rcpt: Callable[[str], str | None] = lambda _address: None
        self.at_data: Callable[[str], str | None] = lambda _address: None
        self.lines = 0
        self.slow = 0.0

    async def handle_EHLO(self, _server: Any, session: Any, _envelope: Any, hostname: str, responses: list[str]) -> list[str]:
        self.lines += 1
        session.host_name = hostname
        return responses

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, options: list[str]) -> str:
        refused = self.at_rcpt(address)
        if refused:
            return refused
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:
        (address,) = envelope.rcpt_tos
        if self.slow:
            await asyncio.sleep(self.slow)
        answer = self.at_data(address)
        if answer is None or answer == "drop":
            self.raw.append(envelope.content)
            self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        if answer == "drop":
            server.transport.abort()
        return answer or "250 OK"

    def counts(self) -> Counter[str]:
        """How many letters each address got."""
        return Counter(str(mail["To"]) for mail in self.mails)


@contextmanager
def serving(app: Flask) -> Iterator[tuple[Sink, str]]:
    """(sink, its SMTP_URL); the application sends there meanwhile."""
    sink = Sink()
    port = _free_port()  # aiosmtpd knocks at the port that it was given, so 0 will not do
    controller = Controller(sink, hostname="127.0.0.1", port=port)
    controller.start()
    before, url = app.extensions["mail_transport"], f"smtp://127.0.0.1:{port}?timeout=5"
    app.extensions["mail_transport"] = Smtp(url)
    try:
        yield sink, url
    finally:
        app.extensions["mail_transport"] = before
        controller.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
