"""The knobs under /_sandbox: for tests and demonstrations only."""

from flask import Blueprint, Response, current_app, jsonify, request

from sandbox import clocks
from sandbox.errors import StripeError
from sandbox.objects import public
from sandbox.world import World

blueprint = Blueprint("control", __name__, url_prefix="/_sandbox")


def _world() -> World:
    return current_app.config["WORLD"]


def _body() -> dict:
    given = request.get_json(silent=True) if request.data else {}
    if not isinstance(given, dict):
        raise StripeError.invalid("The body must be a JSON object.")
    return given


@blueprint.errorhandler(StripeError)
def refused(error: StripeError) -> tuple[dict, int]:
    return error.body(""), error.status


@blueprint.post("/faults")
def faults() -> Response:
    """Replace the fault setup; `{}` ends all faults."""
    with _world().lock:
        return jsonify(_world().faults.configure(_body()))


@blueprint.post("/settings")
def settings() -> Response:
    """Change the account's settings (`{"after_retries": "unpaid"}`); all of them come back."""
    with _world().lock:
        return jsonify(_world().configure(_body()))


@blueprint.post("/deliver")
def deliver() -> Response:
    """Send every waiting delivery now, whatever its back-off says."""
    return jsonify(_world().delivery.send_due(everything=True))


@blueprint.get("/deliveries")
def deliveries() -> Response:
    """What still waits to be delivered, with its attempts and last error."""
    with _world().lock:
        rows = [{k: v for k, v in d.items() if k != "secret"} for d in _world().store.all("_delivery")]
    return jsonify(rows)


@blueprint.get("/requests")
def requests() -> Response:
    """Everything asked of the API since the start or the last reset, in order."""
    return jsonify(_world().log)


@blueprint.get("/complaints")
def complaints() -> Response:
    """Faults of the sandbox itself: shapes that differ from the SDK's, crashed handlers."""
    return jsonify(_world().complaints)


@blueprint.post("/reset")
def reset() -> Response:
    _world().reset()
    return jsonify({"reset": True})


@blueprint.post("/advance")
def advance() -> Response:
    """Move the site's clock: `{"seconds": n}` or `{"to": unix time}`."""
    given, world = _body(), _world()
    with world.lock:
        to = given["to"] if "to" in given else world.now() + int(given.get("seconds", 0))
        clocks.advance_site(world, int(to))
        return jsonify({"now": world.now()})


@blueprint.post("/checkout/<session_id>/pay")
def pay(session_id: str) -> Response:
    """Do what the person does on the hosted page; `{"card": ..., "email": ...}`."""
    from sandbox.driver import Declined
    from sandbox.driver import pay as fill_and_pay

    with _world().lock:
        try:
            return jsonify({"url": fill_and_pay(_world(), session_id, **_body())})
        except Declined as refusal:
            raise StripeError(refusal.message, status=402, kind="card_error", code=refusal.code) from refusal


@blueprint.get("/events")
def events() -> Response:
    """All events, oldest first, as they were told."""
    with _world().lock:
        return jsonify([public(e) for e in _world().store.all("event")])


@blueprint.get("/healthz")
def healthz() -> Response:
    return jsonify({"ok": True, "simulated": True})
