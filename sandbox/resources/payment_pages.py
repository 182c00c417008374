"""/v1/payment_pages: the private API of Stripe's own Checkout page, which the Stripe CLI uses."""

from sandbox.billing import checkout, methods
from sandbox.errors import StripeError
from sandbox.routing import Call, route

PATH = "/v1/payment_pages"


def _page(session: dict) -> dict:
    return {
        "id": "ppage_" + session["id"][-24:],
        "object": "payment_page",
        "session_id": session["id"],
        "mode": session["mode"],
        "status": session["status"],
        "payment_status": session["payment_status"],
        "currency": session["currency"],
        "amount": session["amount_total"],
        "livemode": False,
        "url": session["url"],
    }


@route("GET", PATH + "/{id}")
def retrieve(call: Call) -> dict:
    return _page(call.world.need("checkout.session", call.id, "payment_page"))


@route("POST", PATH + "/{id}/confirm")
def confirm(call: Call) -> dict:
    world = call.world
    session = world.need("checkout.session", call.id, "payment_page")
    expected = call.params.get("expected_amount")
    if expected is not None and int(expected) != session["amount_total"]:
        raise StripeError.invalid("The amount is not what the page showed.", "expected_amount")
    method = methods.resolve(world, call.params["payment_method"], of=session)
    details = method["billing_details"]
    email = details["email"] or "stripe@example.com"
    if checkout.complete(world, session, method, email=email, name=details["name"]) == "requires_action":
        raise StripeError("This payment requires authentication.", status=402, kind="card_error", code="authentication_required")
    return _page(session)
