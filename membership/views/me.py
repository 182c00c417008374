"""/api/v1/me, and the address at which password managers look for the page that changes a password."""

from typing import Any

from flask import Blueprint, Response, jsonify, url_for

from membership import me, sessions
from membership.guards import public, signed_in
from membership.views.pages import go

bp = Blueprint("me", __name__)


@bp.get("/api/v1/me")
@signed_in
def show() -> Response:
    """The signed-in reader: who she is, where she stands, what she contributed."""
    return jsonify(me.facts(sessions.reader()))


@bp.get("/.well-known/change-password")
@public
def change_password() -> Any:
    """Password managers look here (W3C change-password-url)."""
    return go(url_for("security.change_password"))
