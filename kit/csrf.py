"""No form is taken from another site: a token in each, and the browser's own word on where it came from."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, abort, current_app, request
from flask_wtf import CSRFProtect

csrf = CSRFProtect()
SAFE = ("GET", "HEAD", "OPTIONS")
View = Callable[..., Any]


def without_token(view: View) -> View:
    """For the two small forms on pages that every cache may keep (a token would need a session, and make them private).

    They act with nobody's authority, and a browser's own word on where the post came from still counts.
    """
    return csrf.exempt(view)


def from_machines(view: View) -> View:
    """For posts that no browser makes: Stripe's callbacks and one-click unsubscribe carry their own proof."""
    view.from_machines = True  # ty: ignore[missing-attribute]
    return csrf.exempt(view)


def init_app(app: Flask) -> None:
    """Tokens by Flask-WTF, and a refusal of unsafe requests that a browser marks as cross-site."""
    csrf.init_app(app)
    app.before_request(_same_site)


def _same_site() -> None:
    if request.method in SAFE or request.endpoint is None:
        return
    view = current_app.view_functions.get(request.endpoint)
    if getattr(view, "from_machines", False):
        return
    if request.headers.get("Sec-Fetch-Site", "same-origin") == "cross-site":
        abort(403)
    origin = request.headers.get("Origin")
    ours = {urlsplit(current_app.config["PUBLIC_URL"]).netloc, request.host}
    if origin and origin != "null" and urlsplit(origin).netloc not in ours:
        abort(403)
