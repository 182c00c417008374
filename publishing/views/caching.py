"""Who may keep a page, and for how long. kit/headers.py overrules all of this once the session was looked at."""

from flask import Response, make_response, request

from kit.headers import vary_by_cookie

PUBLIC_SECONDS = 60


def for_everybody(page: str | Response, seconds: int = PUBLIC_SECONDS) -> Response:
    """A page that is the same for all who come without cookies: shared caches may keep it for ``seconds``.

    With any cookie the page may differ (signed in, appeal closed, meter), so it is nobody else's.
    """
    answer = make_response(page)
    answer.headers["Cache-Control"] = "private, no-store" if request.cookies else f"public, max-age={seconds}"
    vary_by_cookie(answer)
    return answer
