"""Flask, less what it works out anew for each request though the answer never changes: about a tenth of an article's page."""

from collections.abc import Callable
from typing import Any

from flask import Flask, Response
from flask.sessions import SecureCookieSessionInterface, SessionMixin

from kit.headers import vary_by_cookie


class SignedSessions(SecureCookieSessionInterface):
    """Flask's signed cookie with its signer kept for as long as the keys are the same."""

    def __init__(self) -> None:
        self._kept: tuple[Any, Any] = (None, None)

    def get_signing_serializer(self, app: Flask) -> Any:
        keys = (app.secret_key, tuple(app.config["SECRET_KEY_FALLBACKS"] or ()))
        if self._kept[0] != keys:
            self._kept = (keys, super().get_signing_serializer(app))
        return self._kept[1]

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if session.modified or app.config["SESSION_REFRESH_EACH_REQUEST"]:
            super().save_session(app, session, response)
        elif session.accessed:
            vary_by_cookie(response)


class Application(Flask):
    """What app.py makes."""

    session_interface = SignedSessions()

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """No view and no hook here is a coroutine; Flask would look at each function again for every request."""
        return func
