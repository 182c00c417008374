"""Close the appeal, and remember it."""

from flask import Blueprint, redirect, request, url_for
from werkzeug import Response

from kit.csrf import without_token
from kit.settings import settings
from kit.urls import safe_next
from membership.guards import public
from publishing import appeals

bp = Blueprint("appeals", __name__)


@bp.post("/appeals/close")
@public
@without_token  # a forged close hides a panel; a token would make every visitor's page private and uncacheable
def close() -> Response:
    """A cookie for a month, and back to the page; works as a plain form and in the background."""
    answer = redirect(safe_next(request.form.get("next"), url_for("front.index")), code=303)
    secure = settings()["SESSION_COOKIE_SECURE"]
    answer.set_cookie(appeals.COOKIE, "closed", max_age=appeals.CLOSED_FOR, httponly=True, samesite="Lax", secure=secure)
    return answer
