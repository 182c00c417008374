"""The HTTP door: /v1 as Stripe speaks it, hosted pages, and the knobs under /_sandbox."""

import socket
import struct
import time
from email.utils import formatdate
from typing import Any

from flask import Flask, Response, redirect, request
from werkzeug.serving import WSGIRequestHandler

from sandbox import api, control, pages
from sandbox.world import World


class Connection(WSGIRequestHandler):
    """Answers without delay and logs nothing: GET /_sandbox/requests has it all. (Werkzeug ends each connection after one answer.)"""

    disable_nagle_algorithm = True

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The Date of every answer is Stripe's own clock's."""
        app: Any = self.server.app
        return formatdate(app.config["WORLD"].wall(), usegmt=True) if timestamp is None else super().date_time_string(timestamp)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


def create_app(world: World) -> Flask:
    app = Flask("sandbox", template_folder="pages/templates", static_folder=None)
    app.config["WORLD"] = world
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.register_blueprint(pages.blueprint)
    app.register_blueprint(control.blueprint)

    @app.route("/v1/<path:rest>", methods=["GET", "POST", "DELETE"])
    def v1(rest: str) -> Response:
        url = f"/v1/{rest}?{request.query_string.decode()}"
        try:
            answer = api.serve(world, request.method, url, dict(request.headers), request.get_data(cache=False))
        except api.HungUp as fault:
            time.sleep(fault.seconds)
            return _hang_up()
        answered = Response(answer.body, answer.status, answer.headers)
        del answered.headers["Date"]  # the server writes it
        return answered

    @app.get("/")
    def front():
        return redirect("/pages/", 302)

    @app.after_request
    def persist(response: Response) -> Response:
        if not request.path.startswith("/v1/"):
            with world.lock:
                world.store.flush()
        return response

    return app


def _hang_up() -> Response:
    """Close the connection without an answer, as a network does."""
    connection = request.environ.get("werkzeug.socket")
    if connection is not None:
        # No lingering: the other side sees a reset, not an orderly end.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RDWR)
    return Response(status=502)
