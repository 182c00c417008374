"""Stripe's callbacks: check, write down, answer. Nothing else happens here."""

import structlog
from flask import Blueprint, Response, request

from kit import clock
from kit.csrf import from_machines
from kit.database import db
from kit.settings import settings
from membership.guards import public
from payments import gateway, journal
from payments.domain import signatures
from payments.domain.signatures import Refusal

bp = Blueprint("webhook", __name__)
log = structlog.get_logger("payments.webhook")


@bp.post("/webhooks/stripe")
@from_machines
@public
def receive() -> Response:
    """2xx only after the commit; 4xx only for what is not a genuine event; whatever else goes wrong, Stripe tries again."""
    try:
        body = _body()
        secrets = [secret.strip() for secret in settings()["STRIPE_WEBHOOK_SECRET"].split(",")]
        event = gateway.verified(body, request.headers.get("Stripe-Signature"), secrets, clock.now().timestamp())
        journal.record(event, body.decode("utf-8"))
    except Refusal as refusal:
        log.warning("webhook refused", why=refusal.name)
        return Response("refused\n", refusal.status, mimetype="text/plain")
    db.session.commit()
    return Response("ok\n", 200, mimetype="text/plain")


def _body() -> bytes:
    """The raw bytes as they were signed, and never more than an event can have."""
    if (request.content_length or 0) > signatures.LARGEST:
        raise Refusal("too-large", 413)
    return request.stream.read(signatures.LARGEST + 1)
