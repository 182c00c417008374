"""Production behind nginx on loopback, and who comes to it: a line of one's own, from an address of one's own."""

import http.client
import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from flask import Flask
from sqlalchemy import select
from stripe import WebhookSignature

from app import create_app
from bench.front import NAME, Front
from bench.servers import Server
from kit.database import db
from membership import sessions
from payments import gateway
from payments.models import StripeEvent
from publishing.models import Article
from tests import factories
from tests.kit.test_settings import GOOD

TEXT = "The weir was built in 1871.\n\n<!-- more -->\n\nThe gated paragraph says QUARTZMILL.\n"


@dataclass
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def __getitem__(self, name: str) -> str:
        """A header's value; empty when it is not there."""
        return ", ".join(value for found, value in self.headers if found.lower() == name.lower())


class World:
    """The application in this process (to write by) and in a server of its own, and nginx before that server."""

    def __init__(self, url: str, factory: str) -> None:
        self.factory = factory
        settings: dict[str, Any] = {**GOOD, "DATABASE_URL": url, "SMTP_URL": "smtp://127.0.0.1:9", "LOG_LEVEL": "ERROR", "PROXY_HOPS": 1}
        self.secret: str = settings["STRIPE_WEBHOOK_SECRET"]
        self.app: Flask = create_app(settings)
        self.environment = {name: str(value) for name, value in settings.items() if isinstance(value, (str, int))}
        self.environment |= {"TRUSTED_HOSTS": "", "PYTHONWARNINGS": "default"}
        self.server = self._server()
        self.front = Front(self.server.port)

    def _server(self, port: int = 0) -> Server:
        return Server(self.factory, self.environment, workers=1, port=port)  # of one it is known when it is up

    @contextmanager
    def running(self) -> Iterator["World"]:
        with self.app.app_context():
            db.session.remove()
        try:
            with self.server, self.front:
                yield self
        finally:
            self.server.stop()
            with self.app.app_context():
                db.session.remove()
                db.engine.dispose()

    @contextmanager
    def down(self) -> Iterator[None]:
        """Without the application for a while."""
        self.server.stop()
        try:
            yield
        finally:
            self.server = self._server(self.server.port).__enter__()

    def line(self, source: str = "127.0.0.1", *, tls: bool = True, patience: float = 20) -> socket.socket:
        """A connection to nginx from ``source``, an address of loopback; the certificate is looked at."""
        port = self.front.tls if tls else self.front.plain
        plain = socket.create_connection(("127.0.0.1", port), timeout=patience, source_address=(source, 0))
        if not tls:
            return plain
        return ssl.create_default_context(cafile=str(self.front.certificate)).wrap_socket(plain, server_hostname=NAME)

    def ask(self, path: str, method: str = "GET", body: Any = None, headers: dict[str, str] | None = None, **line: Any) -> Answer:
        """One request on a line of its own; redirects are not followed."""
        asked = http.client.HTTPConnection(NAME)
        asked.sock = self.line(**line)
        try:
            with suppress(BrokenPipeError, ConnectionResetError):  # refused before it was read to the end
                asked.request(method, path, body=body, headers=headers or {})
            found = asked.getresponse()
            return Answer(found.status, found.getheaders(), found.read())
        finally:
            asked.close()

    def cookie(self, email: str) -> dict[str, str]:
        """What the browser of a paying member with this address sends."""
        with self.app.app_context():
            token = sessions.begin(factories.make_member(email))
            db.session.commit()
            serializer: Any = self.app.session_interface.get_signing_serializer(self.app)  # type: ignore[attr-defined]
            return {"Cookie": f"{self.app.config['SESSION_COOKIE_NAME']}={serializer.dumps({'_user_id': token, '_fresh': True})}"}

    def kept(self) -> bytes:
        """All that nginx keeps, as it lies on the disk."""
        files = (self.front.folder / "cache").rglob("*")
        return b"".join(path.read_bytes() for path in files if path.is_file())

    def logs(self) -> str:
        return "".join(self.front.log(path.name) for path in self.front.folder.glob("*.log"))


@contextmanager
def world(engine: str, apps: Any, databases: Any, factory: str = "app:create_app") -> Iterator[World]:
    """On the suite's database, emptied. While it stands nobody else may use it: tests that take ``app`` are in other files."""
    suite = apps(engine)
    databases.empty(suite)
    with suite.app_context():
        db.session.remove()
        db.engine.dispose()
    with World(suite.config["DATABASE_URL"], factory).running() as standing:
        yield standing


# --- what there is to ask for -------------------------------------------------------------------------------------------


def article(site: World, slug: str, access: str = "free") -> str:
    with site.app.app_context():
        factories.make_article(slug, access=access, body=TEXT)
    return f"/articles/{slug}"


def of(slug: str) -> Article:
    return db.session.scalars(select(Article).where(Article.slug == slug)).one()


def event(number: str, **more: Any) -> bytes:
    about = {"id": "sub_1", "customer": "cus_1", "metadata": {"name": "Zoë — ﷽ "}}
    said = {"id": f"evt_{number}", "object": "event", "type": "customer.subscription.updated", "created": 1, "livemode": True,
            "api_version": gateway.API_VERSION, "data": {"object": about}}  # fmt: skip
    return (json.dumps({**said, **more}, ensure_ascii=False, indent=3) + "\r\n \n").encode()


def signed(site: World, body: bytes) -> dict[str, str]:
    header = WebhookSignature.generate_signature_header(body.decode(), site.secret)
    return {"Content-Type": "application/json", "Stripe-Signature": header}


def payloads(site: World, *ids: str) -> list[str]:
    """The kept texts of these events."""
    with site.app.app_context():
        found = list(db.session.scalars(select(StripeEvent.payload).where(StripeEvent.event_id.in_(ids))))
        db.session.remove()
    return found
