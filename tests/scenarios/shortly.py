"""The application as it is, but that what caches may keep for a minute they may keep for two seconds: tests do not wait minutes."""

from collections.abc import Iterable
from typing import Any

from flask import Flask

from app import create_app as in_earnest
from publishing.views.caching import PUBLIC_SECONDS

SECONDS = 2


def create_app() -> Flask:
    app = in_earnest()
    inner = app.wsgi_app

    def answer(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        def shorter(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            said = [(name, value.replace(f"max-age={PUBLIC_SECONDS}", f"max-age={SECONDS}")) for name, value in headers]
            return start(status, said, *rest)

        return inner(environ, shorter)

    app.wsgi_app = answer
    return app
