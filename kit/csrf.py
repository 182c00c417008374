"""No form is taken from another site: a token in each, and the browser's own word on where it came from."""

from urllib.parse import urlsplit

from flask import Flask, abort, current_app, request
from flask_wtf import CSRFProtect

csrf = CSRFProtect()
SAFE = ("GET", "HEAD", "OPTIONS")


def init_app(app: Flask) -> None:
    """Tokens by Flask-WTF, and a refusal of unsafe requests that a browser marks as cross-site."""
    csrf.init_app(app)
    app.before_request(_same_site)


def _same_site() -> None:
    if request.method in SAFE or request.endpoint is None:
        return
    view = current_app.view_functions.get(request.endpoint)
    if view and f"{view.__module__}.{view.__name__}" in csrf._exempt_views:
        return  # Stripe's callbacks and one-click unsubscribe: they carry their own proof
    if request.headers.get("Sec-Fetch-Site", "same-origin") == "cross-site":
        abort(403)
    origin = request.headers.get("Origin")
    ours = {urlsplit(current_app.config["PUBLIC_URL"]).netloc, request.host}
    if origin and origin != "null" and urlsplit(origin).netloc not in ours:
        abort(403)
