"""Stripe's callbacks: check, write down, answer. Nothing else happens here."""

import time
from collections.abc import Mapping
from typing import Any

import structlog
from flask import Blueprint, Response, abort, request
from prometheus_client import Counter

from kit import clock, timekeeping
from kit.csrf import from_machines
from kit.database import db, reading
from kit.health import registry
from kit.settings import settings
from membership.guards import public
from payments import alarms, journal, journal_jobs
from payments.domain import signatures
from payments.domain.signatures import OutOfTime, Refusal

bp = Blueprint("webhook", __name__)
log = structlog.get_logger("payments.webhook")

TOLD = Counter(
    "wellspring_webhook_events_total",
    "Genuine events, by the place of the secret that signed them (1 is the first in STRIPE_WEBHOOK_SECRET) and whether we had them.",
    ["secret", "known"],
    registry=registry,
)
OUT_OF_TIME = Counter(
    "wellspring_webhook_out_of_time_total",
    "Posts refused for their time alone, though Stripe signed them, by whether we had the event. Not known: our clock is wrong.",
    ["known"],
    registry=registry,
)
REFUSED = Counter("wellspring_webhook_refused_total", "Posts that were no genuine event, by reason.", ["why"], registry=registry)


@bp.post("/webhooks/stripe")
@from_machines
@public
def receive() -> Response:
    """2xx only after the commit; 4xx only for what is not a genuine event; whatever else goes wrong, Stripe tries again."""
    try:
        header = request.headers.get("Stripe-Signature")
        body, now = _body(header), _now(header)
        event, signer = signatures.verified(body, header, secrets_of(settings()), now)
        fresh = journal.take_in(event, body.decode("utf-8"))
        if fresh:
            timekeeping.heard(now)
    except Refusal as refusal:
        note(refusal)
        if isinstance(refusal, OutOfTime):
            _say_clock(refusal)
        return Response("refused\n", refusal.status, mimetype="text/plain")
    TOLD.labels(str(signer + 1), "no" if fresh else "yes").inc()
    return Response("ok\n", 200, mimetype="text/plain")


@bp.post("/webhooks/stripe/notifications")
@from_machines
@public
def notified() -> Response:
    """A thin event: it says that something happened and nothing of it, so the list of whole events is read.

    Nobody needs this door: the endpoint for whole events tells more. It is closed (404) without STRIPE_NOTIFICATION_SECRET.
    """
    secrets = secrets_of(settings(), "STRIPE_NOTIFICATION_SECRET")
    if not any(secrets):
        abort(404)
    try:
        header = request.headers.get("Stripe-Signature")
        body = _body(header)
        event, _signer = signatures.verified(body, header, secrets, _now(header))
        if event.get("object") != "v2.core.event":
            raise Refusal("not-a-notification")
        journal.take_in(event, body.decode("utf-8"))
    except Refusal as refusal:
        note(refusal)
        return Response("refused\n", refusal.status, mimetype="text/plain")
    journal_jobs.catch_up_soon()
    db.session.commit()
    return Response("ok\n", 200, mimetype="text/plain")


def secrets_of(config: Mapping[str, Any], name: str = "STRIPE_WEBHOOK_SECRET") -> list[str]:
    """The active secrets: two of them while they rotate."""
    return [secret.strip() for secret in config[name].split(",")]


_noted: dict[str, tuple[float, int]] = {}  # by reason: when it was last logged, and how often it was not since


def note(refusal: Refusal) -> None:
    """Count it, and log it: a line a second for each reason, with how many it stands for, lest a flood fill the disk."""
    REFUSED.labels(refusal.name).inc()
    now = time.monotonic()
    said_at, unsaid = _noted.get(refusal.name, (now - 1, 0))
    if now - said_at < 1:
        _noted[refusal.name] = (said_at, unsaid + 1)
        return
    _noted[refusal.name] = (now, 0)
    log.warning("webhook refused", why=refusal.name, times=unsaid + 1)


def _now(header: str | None) -> float:
    """Seconds since 1970, now. While this machine's clock is in doubt: by it or by what is believed, whichever the sender says.

    What the sender says is only believed if Stripe signed it; then it is the first that anybody knows of who is right.
    """
    believed = clock.now().timestamp()
    if clock.doubt() is None:
        return believed
    stamp = signatures.signed_at(header)
    return min(believed, clock.told().timestamp(), key=lambda one: abs(one - stamp))


def _say_clock(refusal: OutOfTime) -> None:
    """Stripe's own word that our clock is wrong, unless we had that event: then somebody only repeats it."""
    with reading():
        known = journal.known(refusal.event)
        db.session.rollback()
    OUT_OF_TIME.labels("yes" if known else "no").inc()
    if not known:
        log.error("our clock and Stripe's differ", ahead_by_seconds=round(refusal.seconds))
        alarms.clock_off(refusal.seconds)
        db.session.commit()


def _body(header: str | None) -> bytes:
    """The raw bytes as they were signed, and never more than an event can have.

    Nobody is waited for who could not be Stripe: a stranger's body may come a byte at a time.
    """
    if (request.content_length or 0) > signatures.LARGEST:
        raise Refusal("too-large", 413)
    signatures.signed_at(header)
    body = b""
    while len(body) <= signatures.LARGEST and (part := request.stream.read(signatures.LARGEST + 1 - len(body))):
        body = body + part if body else part  # one read may give less than there is
    return body
