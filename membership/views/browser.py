"""Which browser is asking: a random cookie that binds a mailed link to the browser that asked for it (safety A11, A12)."""

from flask import Response, after_this_request, request

from kit.settings import settings
from membership.sessions import digest, new_token

COOKIE = "browser"
LIFE = 24 * 3600  # seconds: as long as the longest link


def browser_hash() -> str | None:
    """The hash of this browser's cookie; None when it has none."""
    value = request.cookies.get(COOKIE, "")
    return digest(value) if 20 <= len(value) <= 100 else None


def marked_browser() -> str:
    """The same, giving the browser a cookie if it has none."""
    known = browser_hash()
    value = request.cookies[COOKIE] if known else new_token()

    @after_this_request
    def send(response: Response) -> Response:
        secure = settings()["SESSION_COOKIE_SECURE"]
        response.set_cookie(COOKIE, value, max_age=LIFE, httponly=True, samesite="Lax", secure=secure, path="/account")
        return response

    return known or digest(value)
