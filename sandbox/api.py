"""One API call from its bytes to its answer, without a socket: the server and the tests' direct road both come through here."""

import base64
import dataclasses
import hashlib
import json
import sys
import time
import traceback
from collections.abc import Mapping
from email.utils import formatdate
from urllib.parse import parse_qsl, urlsplit

from sandbox import clocks, idempotency, limits, params, resources
from sandbox.errors import StripeError
from sandbox.expand import expanded
from sandbox.faults import Fault
from sandbox.form import nested
from sandbox.objects import API_VERSION
from sandbox.routing import Call, Given, find
from sandbox.world import World

resources.load()


class HungUp(ConnectionResetError):
    """The connection ends without an answer. `seconds`: how long the caller waits before that (a time-out)."""

    def __init__(self, seconds: float = 0.0):
        super().__init__("the sandbox hung up (SIMULATED)")
        self.seconds = seconds


@dataclasses.dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


def serve(world: World, method: str, url: str, headers: Mapping[str, str], body: bytes | str | None = None) -> Answer:
    """The answer to one call of /v1; `url` may be whole or begin at its path. Raises HungUp when a fault says so."""
    return Exchange(world, method, url, {k.lower(): v for k, v in headers.items()}, body).answer()


class Exchange:
    """One API call. Header names are in small letters."""

    def __init__(self, world: World, method: str, url: str, headers: dict[str, str], body: bytes | str | None):
        parts = urlsplit(url)
        self.world, self.path, self.method, self.headers = world, parts.path, method.upper(), headers
        self.query, self.body = parts.query, body or ""
        self.id = "req_" + world.ids.token(14)
        self.key = headers.get("idempotency-key") if self.method == "POST" else None
        self.started = False

    def answer(self) -> Answer:
        """Serve the call, with its fault if it meets one."""
        fault = self.world.faults.for_call(self.method, self.path)
        entry = {
            "id": self.id,
            "at": time.time(),
            "method": self.method,
            "path": self.path,
            "params": {},
            "idempotency_key": self.headers.get("idempotency-key"),  # as sent; Stripe heeds a POST's alone
            "fault": fault.kind if fault else None,
            "status": None,
        }
        self.world.log.append(entry)
        if fault and fault.kind == "sticky-500":
            return self._stick(entry)
        if fault and fault.kind != "reset-after-commit":
            entry["status"] = fault.status or None
            return self._fault(fault)
        with self.world.lock:
            status, body, replayed = self._serve(entry)
            self.world.store.flush()
        entry["status"] = status
        if fault:
            raise HungUp
        return self._answer(status, body, replayed=replayed)

    def _serve(self, entry: dict) -> tuple[int, dict, bool]:
        try:
            self._authorise()
            entry["params"] = given = self._params()
            mark = ""
            if self.key:
                limits.key(self.key)
                mark = self._mark(given)
                if kept := idempotency.replay(self.world, self.key, mark):
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
        pinned = self.headers.get("stripe-version") == API_VERSION
        check = params.check if self.world.strict else params.check_leniently
        checked = check(self.method, route.template, given, pinned=pinned)
        limits.check(route.template, checked)
        self.world.request = {"id": self.id, "idempotency_key": self.key}
        try:
            clocks.tick(self.world)
            self.started = True
            checked = Given(checked)
            answer = route.handler(Call(self.world, self.method, self.path, args, checked))
            if self.world.strict and (forgotten := checked.forgotten()):
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
        scheme, _, value = self.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            value = base64.b64decode(value, validate=False).decode("utf-8", "replace").split(":")[0]
        if value.startswith(("sk_live_", "rk_live_")):
            raise StripeError("This is the sandbox: live keys are refused.", status=401)
        if not value.startswith(("sk_test_", "rk_test_")):
            raise StripeError("You did not provide an API key, or it is not a test key (sk_test_...).", status=401)

    def _params(self) -> dict:
        pairs = parse_qsl(self.query, keep_blank_values=True)
        if self.method == "POST" and self.body:
            try:
                text = self.body.decode() if isinstance(self.body, bytes) else self.body
            except UnicodeDecodeError:
                raise StripeError.invalid("Invalid request: the body is not UTF-8.") from None
            pairs = parse_qsl(text, keep_blank_values=True) + pairs
        return nested(pairs)

    def _log_url(self) -> str:
        return f"{self.world.base_url}/_sandbox/requests#{self.id}"

    def _answer(self, status: int, body: dict, *, replayed: bool = False) -> Answer:
        date = formatdate(self.world.wall(), usegmt=True)
        headers = {"Content-Type": "application/json", "Date": date, "Request-Id": self.id, "Stripe-Version": API_VERSION}
        if self.key:
            headers["Idempotency-Key"] = self.key
        if replayed:
            headers["Idempotent-Replayed"] = "true"
        return Answer(status, headers, json.dumps(body).encode())

    def _stick(self, entry: dict) -> Answer:
        """A 500 that is remembered under the call's key: every repetition with it gets the same 500, as at Stripe."""
        with self.world.lock:
            try:
                entry["params"] = given = self._params()
                mark = self._mark(given)
                kept = idempotency.replay(self.world, self.key, mark) if self.key else None
                body = StripeError("Server error (SIMULATED)", status=500, kind="api_error").body(self._log_url())
                if self.key and not kept:
                    idempotency.remember(self.world, self.key, mark, 500, body)
                status, body = kept or (500, body)
            except StripeError as error:
                status, body, kept = error.status, error.body(self._log_url()), None
        entry["status"] = status
        return self._answer(status, body, replayed=kept is not None)

    def _mark(self, given: dict) -> str:
        return hashlib.sha256(json.dumps([self.method, self.path, given], sort_keys=True).encode()).hexdigest()

    def _fault(self, fault: Fault) -> Answer:
        if fault.kind != "status":
            raise HungUp(fault.seconds)
        rate_limited = fault.status == 429
        error = StripeError(
            "Too many requests (SIMULATED)" if rate_limited else "Server error (SIMULATED)",
            status=fault.status,
            kind="invalid_request_error" if rate_limited else "api_error",
            code="rate_limit" if rate_limited else None,
        )
        answer = self._answer(fault.status, error.body(self._log_url()))
        return dataclasses.replace(answer, headers={**answer.headers, **fault.headers})
