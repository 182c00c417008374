"""/api/v1/me: the signed-in reader as JSON (the contract's object), and the address where browsers look for the password page."""

from datetime import datetime
from typing import Any

from flask import Blueprint, Response, jsonify, url_for

from kit import clock
from membership import memberships, panels, sessions
from membership.guards import public, signed_in
from membership.models import Account
from membership.views.pages import go

bp = Blueprint("me", __name__)


@bp.get("/api/v1/me")
@signed_in
def show() -> Response:
    """Who asks, where she stands, what she contributed."""
    return jsonify(facts(sessions.reader()))


def facts(account: Account) -> dict[str, Any]:
    """The contract's object; instants as RFC 3339 in UTC, amounts in minor units."""
    found = memberships.describe(account.id, clock.now())
    membership = {name: _iso(value) if isinstance(value, datetime) else value for name, value in found.items()}
    return {"email": account.email, "membership": membership, "contributions": panels.contributions(account)}


def _iso(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")


@bp.get("/.well-known/change-password")
@public
def change_password() -> Any:
    """Password managers look here."""
    return go(url_for("security.change_password"))
