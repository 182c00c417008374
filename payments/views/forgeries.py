"""A forged post to a webhook is refused before Flask has anything to do with it, so that a flood of them costs readers little.

It only says no, by the rule that the door has as well. What bears a signature by a secret of ours, has no length or is too
long, or comes to a door that is closed, goes on to the door, which looks at all of it anew.
"""

import io
from collections.abc import Iterable
from typing import Any

from flask import Flask

from kit import clock, health
from payments.domain import signatures
from payments.domain.signatures import Refusal
from payments.views import webhook

# Address: the door's name, and the setting that holds its secrets.
DOORS = {
    "/webhooks/stripe": ("webhook.receive", "STRIPE_WEBHOOK_SECRET"),
    "/webhooks/stripe/notifications": ("webhook.notified", "STRIPE_NOTIFICATION_SECRET"),
}
HEADERS = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", "8"), ("X-Content-Type-Options", "nosniff")]


class Forgeries:
    """Put before the application, as WSGI has it."""

    def __init__(self, app: Flask) -> None:
        self.inner, self.config = app.wsgi_app, app.config

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        endpoint, setting = DOORS.get(environ.get("PATH_INFO", ""), ("", ""))
        if endpoint and environ["REQUEST_METHOD"] == "POST" and (refusal := self._refusal(environ, setting)):
            webhook.note(refusal)
            health.REQUESTS.labels(endpoint, refusal.status).inc()
            start_response("400 BAD REQUEST", HEADERS)
            return [b"refused\n"]
        return self.inner(environ, start_response)

    def _refusal(self, environ: dict[str, Any], setting: str) -> Refusal | None:
        """Why it cannot be Stripe's; None where the door shall decide. The body, if it was read, can be read again."""
        length, header = environ.get("CONTENT_LENGTH") or "", environ.get("HTTP_STRIPE_SIGNATURE")
        secrets = webhook.secrets_of(self.config, setting)
        if not any(secrets) or not (length.isascii() and length.isdecimal()) or int(length) > signatures.LARGEST:
            return None
        try:
            signatures.signed_at(header)  # nobody is waited for who could not be Stripe
            body = _read(environ["wsgi.input"], int(length))
            environ["wsgi.input"] = io.BytesIO(body)
            if len(body) == int(length):
                signatures.signed_by(body, header, secrets, clock.now().timestamp())
        except Refusal as refusal:
            return refusal
        return None


def _read(stream: Any, length: int) -> bytes:
    """So many bytes, or as many as there are: one read may give less."""
    body = b""
    while len(body) < length and (part := stream.read(length - len(body))):
        body = body + part if body else part
    return body
