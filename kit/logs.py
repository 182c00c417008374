"""Structured logs: one JSON object a line in production, a request id in each, secrets in none."""

import logging
import re
import secrets
import sys
from typing import Any

import structlog
from flask import Flask, g, has_request_context, request

# What must never reach a log, whatever carried it there.
_SECRETS = re.compile(r"\b((?:sk|rk|pk|whsec)_[A-Za-z0-9_]{6,}|\d{13,19})\b")
_ROW = re.compile(r"(?<=DETAIL:)[^\n]+")  # PostgreSQL repeats the row that it refuses
_SECRET_KEYS = re.compile(r"password|secret|token|cookie|authorization|signature|card", re.IGNORECASE)
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{8,64}")


def redact(_logger: Any, _method: str, entry: dict[str, Any]) -> dict[str, Any]:
    """Blank keys that name secrets and values that look like one; also breaks no line (log injection)."""
    for key, value in entry.items():
        if _SECRET_KEYS.search(key):
            entry[key] = "[redacted]"
        elif isinstance(value, str):
            entry[key] = clean(value)
    return entry


def clean(text: str) -> str:
    """Without what looks like a key or a card's number, and without the row that a database names in its refusal."""
    return _ROW.sub(" [redacted]", _SECRETS.sub("[redacted]", text))


def with_request_id(_logger: Any, _method: str, entry: dict[str, Any]) -> dict[str, Any]:
    """The id of the request that a line is written in. Asked for by the line: most requests write none."""
    if has_request_context() and "request_id" in g:
        entry.setdefault("request_id", g.request_id)
    return entry


def init_app(app: Flask) -> None:
    """Route structlog and the standard library through the same processors, to standard error."""
    production = app.config["APP_ENV"] == "production"
    renderer: Any = structlog.processors.JSONRenderer() if production else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        with_request_id,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact,
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer]
        )
    )
    handler.set_name("wellspring")
    root = logging.getLogger()
    root.handlers = [h for h in root.handlers if h.get_name() != "wellspring"] + [handler]
    root.setLevel(app.config["LOG_LEVEL"])
    for chatty in ("alembic", "dbos", "stripe", "urllib3"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    app.before_request(_name_request)


def _name_request() -> None:
    asked = request.headers.get("X-Request-ID", "")
    g.request_id = asked if _REQUEST_ID.fullmatch(asked) else secrets.token_hex(8)
