"""The HTTP door: /v1 as Stripe speaks it, hosted pages, and the knobs under /_sandbox."""

import base64
import hashlib
import json
import socket
import struct
import sys
import time
import traceback

from flask import Flask, Response, redirect, request

from sandbox import clocks, control, idempotency, pages, params, resources
from sandbox.errors import StripeError
from sandbox.expand import expanded
from sandbox.faults import Fault
from sandbox.form import nested
from sandbox.objects import API_VERSION
from sandbox.routing import Call, Given, find
from sandbox.world import World

resources.load()


def create_app(world: World) -> Flask:
    app = Flask("sandbox", template_folder="pages/templates", static_folder=None)
    app.config["WORLD"] = world
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.register_blueprint(pages.blueprint)
    app.register_blueprint(control.blueprint)

    @app.route("/v1/<path:rest>", methods=["GET", "POST", "DELETE"])
    def api(rest: str) -> Response:
        return Exchange(world, "/v1/" + rest).answer()

    @app.get("/")
    def front():
        return redirect("/pages/", 302)

    @app.after_request
    def persist(response: Response) -> Response:
        with world.lock:
            world.store.flush()
        return response

    return app


class Exchange:
    """One API call from its bytes to its answer."""

    def __init__(self, world: World, path: str):
        self.world, self.path, self.method = world, path, request.method
        self.id = "req_" + world.ids.token(14)
        self.key = request.headers.get("Idempotency-Key") if self.method == "POST" else None
        self.started = False

    def answer(self) -> Response:
        """Serve the call, with its fault if it meets one."""
        fault = self.world.faults.for_call(self.method, self.path)
        entry = {
            "id": self.id,
            "at": time.time(),
            "method": self.method,
            "path": self.path,
            "params": {},
            "idempotency_key": self.key,
            "fault": fault.kind if fault else None,
            "status": None,
        }
        self.world.log.append(entry)
        if fault and fault.kind != "reset-after-commit":
            entry["status"] = fault.status or None
            return self._fault(fault)
        with self.world.lock:
            status, body, replayed = self._serve(entry)
        entry["status"] = status
        if fault:
            return _hang_up()
        return self._response(status, body, replayed=replayed)

    def _serve(self, entry: dict) -> tuple[int, dict, bool]:
        try:
            self._authorise()
            entry["params"] = given = self._params()
            mark = hashlib.sha256(json.dumps([self.method, self.path, given], sort_keys=True).encode()).hexdigest()
            if self.key and (kept := idempotency.replay(self.world, self.key, mark)):
                return *kept, True
            status, body = self._run(given)
            if self.key and self.started:
                idempotency.remember(self.world, self.key, mark, status, body)
            return status, body, False
        except StripeError as error:
            return error.status, error.body(self._log_url()), False

    def _run(self, given: dict) -> tuple[int, dict]:
        """The handler's answer or error; `started` tells whether it ran at all."""
        expand = given.pop("expand", {})
        route, args = find(self.method, self.path)
        pinned = request.headers.get("Stripe-Version") == API_VERSION
        checked = params.check(self.method, route.template, given, pinned=pinned) if self.world.strict else given
        self.world.request = {"id": self.id, "idempotency_key": self.key}
        try:
            clocks.tick(self.world)
            self.started = True
            checked = Given(checked)
            answer = route.handler(Call(self.world, self.method, self.path, args, checked))
            if forgotten := checked.forgotten():
                raise StripeError.invalid(f"The sandbox has no behaviour for {', '.join(forgotten)} here yet.", forgotten[0])
            paths = expand.values() if isinstance(expand, dict) else [expand]
            body = expanded(self.world, answer, list(paths))
            wrong = self.world.check_shape(body)
            if wrong:
                raise StripeError("; ".join(wrong[:5]), status=500, kind="api_error")
            return 200, body
        except StripeError as error:
            return error.status, error.body(self._log_url())
        except Exception as error:  # noqa: BLE001 - a fault of the sandbox: say so loudly, to caller and log
            traceback.print_exc(file=sys.stderr)
            self.world.complaints.append(f"{self.method} {self.path}: {error!r}")
            return 500, StripeError(repr(error), status=500, kind="api_error").body("")
        finally:
            self.world.request = None

    def _authorise(self) -> None:
        header = request.headers.get("Authorization", "")
        scheme, _, value = header.partition(" ")
        if scheme.lower() == "basic":
            value = base64.b64decode(value, validate=False).decode("utf-8", "replace").split(":")[0]
        if value.startswith(("sk_live_", "rk_live_")):
            raise StripeError("This is the sandbox: live keys are refused.", status=401)
        if not value.startswith(("sk_test_", "rk_test_")):
            raise StripeError("You did not provide an API key, or it is not a test key (sk_test_...).", status=401)

    def _params(self) -> dict:
        source = request.form if self.method == "POST" else request.args
        pairs = list(source.items(multi=True))
        if self.method == "POST":
            pairs += list(request.args.items(multi=True))
        return nested(pairs)

    def _log_url(self) -> str:
        return f"{self.world.base_url}/_sandbox/requests#{self.id}"

    def _response(self, status: int, body: dict, *, replayed: bool = False) -> Response:
        response = Response(json.dumps(body, indent=2), status, mimetype="application/json")
        response.headers["Request-Id"] = self.id
        response.headers["Stripe-Version"] = API_VERSION
        if self.key:
            response.headers["Idempotency-Key"] = self.key
        if replayed:
            response.headers["Idempotent-Replayed"] = "true"
        return response

    def _fault(self, fault: Fault) -> Response:
        if fault.kind == "status":
            rate_limited = fault.status == 429
            error = StripeError(
                "Too many requests (SIMULATED)" if rate_limited else "Server error (SIMULATED)",
                status=fault.status,
                kind="invalid_request_error" if rate_limited else "api_error",
                code="rate_limit" if rate_limited else None,
            )
            return self._response(fault.status, error.body(self._log_url()))
        if fault.kind == "timeout":
            time.sleep(fault.seconds)
        return _hang_up()


def _hang_up() -> Response:
    """Close the connection without an answer, as a network does."""
    connection = request.environ.get("werkzeug.socket")
    if connection is not None:
        # No lingering: the other side sees a reset, not an orderly end.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RDWR)
    return Response(status=502)
