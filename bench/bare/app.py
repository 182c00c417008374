"""The bare application: no session rows to look after, no headers, no CSRF, no rate limit, no request id, no metrics,
no translation, no gate to argue with.

``BENCH_READS`` chooses one of bench/bare/reads.py. What stands around the text on our own page (masthead, footer) is
a constant of the same size here, so that both send as many bytes.
"""

import hashlib
import hmac
import json
import os
import time
from datetime import UTC, datetime
from typing import Any

from flask import Flask, Response, abort, render_template, request, session
from flask.sessions import SecureCookieSessionInterface
from markupsafe import Markup

from bench.bare import reads

TOLERANCE = 300  # seconds


def create_app() -> Flask:
    """Settings come from the environment that the bench gives."""
    app = Flask(__name__)
    app.secret_key = os.environ["SECRET_KEY"]
    store: Any = reads.KINDS[os.environ.get("BENCH_READS", "core")](os.environ["DATABASE_URL"])
    app.extensions["store"] = store
    naive = os.environ["DATABASE_URL"].startswith("sqlite")  # SQLite keeps instants without their zone
    secret = os.environ["STRIPE_WEBHOOK_SECRET"].encode()
    frames = [Markup("f" * int(size)) for size in os.environ.get("BENCH_FRAMES", "0,0").split(",")]  # noqa: S704

    @app.get("/articles/<slug>")
    def article(slug: str) -> str:
        now = datetime.now(UTC).replace(tzinfo=None) if naive else datetime.now(UTC)
        token = session.get("token")
        with store.reading() as reader:
            account = reader.account(hashlib.sha256(token.encode()).hexdigest(), now) if token else None
            found = reader.article(slug)
            if found is None:
                abort(404)
            full = account is not None and account.is_member
            text = Markup(reader.text(found.id) if full else found.preview_html)  # noqa: S704
            return render_template("article.html", article=found, account=account, text=text, frame=frames[0 if full else 1])

    @app.post("/webhook")
    def webhook() -> Response:
        body = request.get_data()
        parts = dict(part.split("=", 1) for part in request.headers["Stripe-Signature"].split(","))
        wanted = hmac.new(secret, parts["t"].encode() + b"." + body, "sha256").hexdigest()
        if not hmac.compare_digest(wanted, parts["v1"]) or abs(time.time() - int(parts["t"])) > TOLERANCE:
            abort(400)
        event = json.loads(body)
        about, now = event["data"]["object"], str(datetime.now(UTC))
        told = ("", event["id"], event["type"], event["api_version"], event["livemode"], event["created"], about["id"], about["customer"])
        store.insert(*told, body.decode(), now, "webhook", "new", 0, None, now, False)
        return Response("ok\n", mimetype="text/plain")

    @app.get("/slow")
    def slow() -> str:
        """For bench/choice.py: is what is under way answered when the server is told to stop?"""
        time.sleep(1)
        return "done\n"

    return app


def signed_cookie(token: str) -> str:
    """The Cookie header of whoever has this token: Flask's own signed session."""
    app = Flask(__name__)
    app.secret_key = os.environ["SECRET_KEY"]
    serializer: Any = SecureCookieSessionInterface().get_signing_serializer(app)
    return f"session={serializer.dumps({'token': token})}"
