"""Is it alive (/healthz), can it serve (/readyz), how does it fare (/metrics)."""

import hmac
from typing import Any

from flask import Blueprint, Response, abort, current_app, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, generate_latest
from sqlalchemy.exc import SQLAlchemyError

from kit import schema

bp = Blueprint("health", __name__)
registry = CollectorRegistry()
REQUESTS = Counter("wellspring_requests_total", "Answers by endpoint and status.", ["endpoint", "status"], registry=registry)


def open_to_all(view: Any) -> Any:
    """These doors stand below membership, so they declare themselves (see membership.guards)."""
    view.access = "public"
    return view


@bp.get("/healthz")
@open_to_all
def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@bp.get("/readyz")
@open_to_all
def readyz() -> tuple[dict[str, str], int]:
    """The database answers and is at the revision that this code was written for, or beyond it.

    Beyond: the next release has been let in beside us. What it adds we do not see (docs/deploy.md), and to send everybody
    away before its processes answer would be a gap. We only must not start anew (schema.refuse_unknown).
    """
    try:
        found = schema.found()
    except SQLAlchemyError:
        return {"status": "database unavailable"}, 503
    if found is None or (found in schema.revisions() and found != schema.head()):
        return {"status": "database is not at this version's revision: run flask db upgrade"}, 503
    return {"status": "ok"}, 200


@bp.get("/metrics")
@open_to_all
def metrics() -> Response:
    """Prometheus's text, for loopback or the bearer of METRICS_TOKEN; nobody else learns that it exists."""
    token = current_app.config["METRICS_TOKEN"]
    offered = request.headers.get("Authorization", "").removeprefix("Bearer ")
    known = bool(token) and hmac.compare_digest(offered.encode(), token.encode())
    if not known and (request.remote_addr not in ("127.0.0.1", "::1") or request.headers.get("X-Forwarded-For")):
        abort(404)
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def count(response: Response) -> Response:
    """After each request: one more answer of this kind."""
    REQUESTS.labels(request.endpoint or "none", response.status_code).inc()
    return response
