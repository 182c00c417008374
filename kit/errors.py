"""Error pages: calm, with the request id, and as problem documents (RFC 9457) below /api/."""

from typing import Any

import structlog
from flask import Flask, Response, current_app, g, jsonify, render_template, request
from sqlalchemy.exc import DataError, DBAPIError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as NoLineFree
from werkzeug.exceptions import BadRequest, HTTPException, InternalServerError, SecurityError, ServiceUnavailable

from kit.database import db
from kit.logs import clean

log = structlog.get_logger("kit.errors")
READ_ONLY = "25006"  # PostgreSQL's code: cannot execute this in a read-only transaction
PAGES = (400, 401, 403, 404, 405, 410, 413, 422, 429, 500, 503)


def init_app(app: Flask) -> None:
    """Turn exceptions into pages. A database that is busy, absent or may only be read is 503, so that Stripe and people try again; what no database can hold, 400."""
    if app.config["SENTRY_DSN"]:
        import sentry_sdk

        # No request bodies, cookies, addresses or local variables: an error report must hold no reader.
        kept_out: Any = {"send_default_pii": False, "include_local_variables": False, "max_request_body_size": "never"}
        sentry_sdk.init(dsn=app.config["SENTRY_DSN"], before_send=_cleaned, **kept_out)
    app.register_error_handler(HTTPException, _answer)
    app.register_error_handler(OperationalError, _database)
    app.register_error_handler(NoLineFree, _database)
    app.register_error_handler(InternalError, _perhaps_read_only)
    app.register_error_handler(DataError, _unstorable)
    app.register_error_handler(Exception, _unexpected)


def _cleaned(event: Any, _hint: Any) -> Any:
    """A report without tokens in its address and without rows in its texts."""
    event.get("request", {}).pop("url", None)
    for one in event.get("exception", {}).get("values", []):
        one["value"] = clean(one.get("value") or "")
    return event


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


def _perhaps_read_only(error: InternalError) -> Any:
    # After a failover PostgreSQL may take no writes for a while. SQLite's word for it is an OperationalError anyway.
    return _database(error) if getattr(error.orig, "sqlstate", None) == READ_ONLY else _unexpected(error)


def _database(error: DBAPIError | NoLineFree) -> Any:
    log.error("database unavailable", error=str(getattr(error, "orig", error)))
    db.session.rollback()
    unavailable = ServiceUnavailable()
    unavailable.retry_after = 5
    return _answer(unavailable)


def _unstorable(error: DataError) -> Any:
    # PostgreSQL takes no NUL in a text and no number beyond its columns, not even to look for it.
    log.warning("what was sent cannot be stored", route=_route(), error=str(error.orig))
    db.session.rollback()
    return _answer(BadRequest())


def _route() -> str:
    """Which page it was, by its rule: an address may hold a token that still opens something."""
    return request.url_rule.rule if request.url_rule else ""


def _unexpected(error: Exception) -> Any:
    log.exception("unhandled error", route=_route())  # a handler takes it, so it is reported by hand
    if current_app.config["SENTRY_DSN"]:
        import sentry_sdk

        sentry_sdk.capture_exception(error)
    db.session.rollback()
    if g.get("testing_raises"):
        raise error
    return _answer(InternalServerError())
