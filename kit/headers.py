"""Security and cache headers on every answer.

The policy: nothing but our own files; scripts by nonce; forms may lead to this site and to Stripe's hosted pages
(Chromium applies form-action to the redirect after a POST), and in development to the sandbox.
"""

import secrets
from urllib.parse import urlsplit

from flask import Flask, Response, g, request, session
from secure import ContentSecurityPolicy

STRIPE_HOSTS = ("https://checkout.stripe.com", "https://billing.stripe.com")

SAME_FOR_ALL = ("media.show",)  # a picture is the same whoever asks; an error in its place is a page, and the reader's own


def csp_nonce() -> str:
    """This answer's nonce, for the rare inline script or JSON-LD block."""
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(16)
    return g.csp_nonce


def policy(nonce: str, form_hosts: tuple[str, ...]) -> str:
    """The Content-Security-Policy's value for one answer."""
    return (
        ContentSecurityPolicy()
        .default_src("'none'")
        .script_src("'self'", f"'nonce-{nonce}'" if nonce else "'self'")
        .style_src("'self'")
        .img_src("'self'", "data:")
        .font_src("'self'")
        .connect_src("'self'")
        .manifest_src("'self'")
        .form_action("'self'", *form_hosts)
        .base_uri("'none'")
        .object_src("'none'")
        .frame_ancestors("'none'")
        .header_value
    )


def init_app(app: Flask) -> None:
    """Send the headers; offer ``csp_nonce()`` to templates."""
    base = urlsplit(app.config["STRIPE_API_BASE"])
    sandbox = (f"{base.scheme}://{base.netloc}",) if app.config["APP_ENV"] != "production" and base.netloc else ()
    plain = policy("", STRIPE_HOSTS + sandbox)  # most answers use no inline script: build that policy once
    fixed = {
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "strict-origin-when-cross-origin",
        "X-Frame-Options": "DENY",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), browsing-topics=()",
    }
    if urlsplit(app.config["PUBLIC_URL"]).scheme == "https":
        fixed["Strict-Transport-Security"] = "max-age=63072000; includeSubDomains"

    @app.after_request
    def send(response: Response) -> Response:
        nonce = g.get("csp_nonce", "")
        ours = {
            **fixed,
            "Content-Security-Policy": policy(nonce, STRIPE_HOSTS + sandbox) if nonce else plain,
            "X-Request-ID": g.get("request_id", ""),
        }
        for name in response.headers.keys() & ours.keys():  # a view that said it itself keeps its own
            del ours[name]
        response.headers.extend(ours)  # all at once: werkzeug searches the whole list for each that is set alone
        return caching(response)

    app.add_template_global(csp_nonce)


def caching(response: Response) -> Response:
    """A page is its reader's own as soon as she sent a cookie or gets one; a stranger's is as its view says.

    ``session.accessed`` would not do: Flask-Login looks at every request's session, and asking sets it.
    """
    setting = session.modified or response.headers.get("Set-Cookie")
    if request.endpoint in SAME_FOR_ALL and response.status_code < 400 and not setting:
        return response
    if request.cookies or setting:
        response.headers["Cache-Control"] = "private, no-store"
        vary_by_cookie(response)
    return response


def vary_by_cookie(response: Response) -> None:
    """Tell caches that the page depends on the cookie (``response.vary`` parses and writes the header anew each time)."""
    if "Vary" not in response.headers:
        response.headers.add("Vary", "Cookie")
    elif response.headers["Vary"] != "Cookie":
        response.vary.add("Cookie")
