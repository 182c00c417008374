"""Flask, less what it works out anew for each request though the answer never changes: about a tenth of an article's page."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from flask import Flask, Response
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from itsdangerous import SignatureExpired, TimestampSigner

from kit import clock
from kit.headers import vary_by_cookie


class ClockSigner(TimestampSigner):
    """By our clock (kit/clock.py): a machine whose clock jumps a year must not take everybody's cookie for an old one."""

    def get_timestamp(self) -> int:
        return int(clock.now().timestamp())

    def unsign(self, signed_value: str | bytes, max_age: int | None = None, return_timestamp: bool = False) -> Any:  # type: ignore[override]
        """As itsdangerous does it; but what another process signed a minute ahead of us is not forged."""
        value, signed_at = super().unsign(signed_value, None, return_timestamp=True)
        age = clock.now() - signed_at
        if max_age is not None and not timedelta(minutes=-2) <= age <= timedelta(seconds=max_age):
            raise SignatureExpired(f"Signature age {age} is not within {max_age} seconds", payload=value, date_signed=signed_at)
        return (value, signed_at) if return_timestamp else value


class SignedSessions(SecureCookieSessionInterface):
    """Flask's signed cookie with its signer kept for as long as the keys are the same."""

    def __init__(self) -> None:
        self._kept: tuple[Any, Any] = (None, None)

    def get_signing_serializer(self, app: Flask) -> Any:
        keys = (app.secret_key, tuple(app.config["SECRET_KEY_FALLBACKS"] or ()))
        if self._kept[0] != keys:
            made: Any = super().get_signing_serializer(app)
            made.signer = ClockSigner
            self._kept = (keys, made)
        return self._kept[1]

    def get_expiration_time(self, app: Flask, session: SessionMixin) -> datetime | None:
        return clock.now() + app.permanent_session_lifetime if session.permanent else None

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
