"""How a message leaves: by SMTP in earnest, on the console in development, into a list in tests."""

import smtplib
import ssl
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from email import message_from_bytes, policy
from email.message import EmailMessage
from urllib.parse import parse_qs, unquote, urlsplit

from flask import Flask

Transport = Callable[[EmailMessage], None]


def console(mail: EmailMessage) -> None:
    """A line for each message; its text is at /_dev/mailbox."""
    print(f"mail to {mail['To']}: {mail['Subject']}", file=sys.stderr)


class Smtp:
    """A sender for ``smtp://user:password@host:port`` (STARTTLS, except on loopback) or ``smtps://`` (TLS at once)."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.host, self.secure = parts.hostname or "localhost", parts.scheme == "smtps"
        self.port = parts.port or (465 if self.secure else 587)
        self.loopback = self.host in ("localhost", "127.0.0.1", "::1")
        self.timeout = float(parse_qs(parts.query).get("timeout", ["20"])[0])
        self.user, self.password = unquote(parts.username or ""), unquote(parts.password or "")

    def __call__(self, mail: EmailMessage) -> None:
        with self.open() as connection:
            connection.send_message(mail)

    def open(self) -> smtplib.SMTP:
        """A connection that has said hello, encrypted and signed in; a context manager that says goodbye."""
        context = ssl.create_default_context()
        if self.secure:
            connection: smtplib.SMTP = smtplib.SMTP_SSL(self.host, self.port, timeout=self.timeout, context=context)
        else:
            connection = smtplib.SMTP(self.host, self.port, timeout=self.timeout)
        try:
            if not self.secure and not self.loopback:
                connection.starttls(context=context)
            if self.user:
                connection.login(self.user, self.password)
        except BaseException:
            connection.close()
            raise
        return connection


@contextmanager
def line(app: Flask, sender: str) -> Generator[Callable[[str, bytes], None], None, None]:
    """Many messages over one connection: yields a function of recipient and message, both as they go on the wire.

    It raises what smtplib raises. The console and the tests' list get each message parsed.
    """
    transport = app.extensions["mail_transport"]
    if not isinstance(transport, Smtp):
        yield lambda _recipient, message: transport(message_from_bytes(message, policy=policy.default))
        return
    connection = transport.open()
    try:
        yield lambda recipient, message: connection.sendmail(sender, [recipient], message) and None
    finally:
        with suppress(smtplib.SMTPException, OSError):
            connection.quit()
        connection.close()


def init_app(app: Flask) -> None:
    """Choose the transport by SMTP_URL; tests put their own list's ``append`` in its place."""
    url = app.config["SMTP_URL"]
    app.extensions["mail_transport"] = console if url == "console:" else Smtp(url)
