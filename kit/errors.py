"""Error pages: calm, with the request id, and as problem documents (RFC 9457) below /api/."""

from typing import Any

import structlog
from flask import Flask, Response, current_app, g, jsonify, render_template, request
from sqlalchemy.exc import DataError, OperationalError
from werkzeug.exceptions import BadRequest, HTTPException, InternalServerError, SecurityError, ServiceUnavailable

from kit.database import db

log = structlog.get_logger("kit.errors")
PAGES = (400, 401, 403, 404, 405, 410, 413, 422, 429, 500, 503)


def init_app(app: Flask) -> None:
    """Turn exceptions into pages. A busy or absent database is 503, so that Stripe and people try again; what no database can hold, 400."""
    if app.config["SENTRY_DSN"]:
        import sentry_sdk

        # No request bodies, cookies, addresses or local variables: an error report must hold no reader.
        sentry_sdk.init(dsn=app.config["SENTRY_DSN"], send_default_pii=False, include_local_variables=False, max_request_body_size="never")
    app.register_error_handler(HTTPException, _answer)
    app.register_error_handler(OperationalError, _database)
    app.register_error_handler(DataError, _unstorable)
    app.register_error_handler(Exception, _unexpected)


def _answer(error: HTTPException) -> Any:
    code = error.code or 500
    if error.response is not None or code < 400:
        return error
    if isinstance(error, SecurityError):
        return Response("This host is not served here.\n", code, mimetype="text/plain")  # no address can be built for it, so no page
    if request.path.startswith(("/api/", "/webhooks/")):
        problem = jsonify(type="about:blank", title=error.name, status=code, detail=error.description, instance=g.get("request_id"))
        problem.content_type = "application/problem+json"
        return problem, code, _kept(error)
    page = render_template(f"errors/{code if code in PAGES else 400 if code < 500 else 500}.html", error=error)
    return page, code, _kept(error)


def _kept(error: HTTPException) -> list[tuple[str, str]]:
    """Headers that the error itself carries (Allow, Retry-After), less those of its own body."""
    return [(name, value) for name, value in error.get_headers() if name.lower() not in ("content-type", "content-length")]


def _database(error: OperationalError) -> Any:
    log.error("database unavailable", error=str(error.orig))
    db.session.rollback()
    unavailable = ServiceUnavailable()
    unavailable.retry_after = 5
    return _answer(unavailable)


def _unstorable(error: DataError) -> Any:
    # PostgreSQL takes no NUL in a text and no number beyond its columns, not even to look for it.
    log.warning("what was sent cannot be stored", path=request.path, error=str(error.orig))
    db.session.rollback()
    return _answer(BadRequest())


def _unexpected(error: Exception) -> Any:
    log.exception("unhandled error", path=request.path)  # a handler takes it, so it is reported by hand
    if current_app.config["SENTRY_DSN"]:
        import sentry_sdk

        sentry_sdk.capture_exception(error)
    db.session.rollback()
    if g.get("testing_raises"):
        raise error
    return _answer(InternalServerError())
