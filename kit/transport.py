"""How a message leaves: by SMTP in earnest, on the console in development, into a list in tests."""

import smtplib
import ssl
import sys
from collections.abc import Callable
from email.message import EmailMessage
from urllib.parse import parse_qs, unquote, urlsplit

from flask import Flask

Transport = Callable[[EmailMessage], None]


def console(mail: EmailMessage) -> None:
    """A line for each message; its text is at /_dev/mailbox."""
    print(f"mail to {mail['To']}: {mail['Subject']}", file=sys.stderr)


def smtp(url: str) -> Transport:
    """A sender for ``smtp://user:password@host:port`` (STARTTLS, except on loopback) or ``smtps://`` (TLS at once)."""
    parts = urlsplit(url)
    host, secure = parts.hostname or "localhost", parts.scheme == "smtps"
    port = parts.port or (465 if secure else 587)
    loopback = host in ("localhost", "127.0.0.1", "::1")
    timeout = float(parse_qs(parts.query).get("timeout", ["20"])[0])

    def send(mail: EmailMessage) -> None:
        context = ssl.create_default_context()
        connection = smtplib.SMTP_SSL(host, port, timeout=timeout, context=context) if secure else smtplib.SMTP(host, port, timeout=timeout)
        with connection:
            if not secure and not loopback:
                connection.starttls(context=context)
            if parts.username:
                connection.login(unquote(parts.username), unquote(parts.password or ""))
            connection.send_message(mail)

    return send


def init_app(app: Flask) -> None:
    """Choose the transport by SMTP_URL; tests put their own list's ``append`` in its place."""
    url = app.config["SMTP_URL"]
    app.extensions["mail_transport"] = console if url == "console:" else smtp(url)
