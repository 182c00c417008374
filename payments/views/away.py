"""Where a page asked Stripe and nothing came of it: what that means for the person, and her own words sent again by one button.

A door that can say more catches the trouble itself; for all others it ends here.
"""

from typing import Any

from flask import Flask, current_app, make_response, render_template, request
from werkzeug.exceptions import ServiceUnavailable

from kit.database import db
from payments.domain.reconciliation import SIMULATED_PART
from payments.gateway import GatewayRefused, GatewayUnavailable, NotAsked
from payments.leases import LeaseBusy, LeaseLost

TROUBLE = (GatewayUnavailable, GatewayRefused, LeaseBusy, LeaseLost)
AGAIN = 30  # seconds, for machines


def init_app(app: Flask) -> None:
    """Answer the trouble that no door took."""
    for kind in TROUBLE:
        app.register_error_handler(kind, answer)


def answer(error: Exception) -> Any:
    """503 with what is known: was it refused, was it never asked, or does nobody know yet? 409 where Stripe knows no such thing."""
    db.session.rollback()
    if request.path.startswith(("/api/", "/webhooks/")):
        return current_app.handle_http_exception(ServiceUnavailable(retry_after=AGAIN))
    trouble = _named(error)
    if trouble in ("missing", "simulated"):  # asking again will not help
        page = make_response(render_template("billing/away.html", trouble=trouble), 409)
    else:
        page = make_response(render_template("billing/away.html", trouble=trouble, typed=_typed(), path=request.path), 503)
        page.headers["Retry-After"] = str(AGAIN)
    page.headers["Cache-Control"] = "private, no-store"
    page.headers["Referrer-Policy"] = "no-referrer"  # some addresses are a secret of hers (safety A15)
    return page


def _named(error: Exception) -> str:
    if isinstance(error, GatewayRefused):
        return ("simulated" if SIMULATED_PART in str(error) else "missing") if error.unknown else "refused"
    return "busy" if isinstance(error, NotAsked | LeaseBusy) else "unknown"


def _typed() -> list[tuple[str, str]] | None:
    """What she sent, to be sent again; None after a GET. Never a password, and the token is made anew."""
    if request.method != "POST":
        return None
    return [(name, value) for name, value in request.form.items(multi=True) if name != "csrf_token" and "password" not in name]
