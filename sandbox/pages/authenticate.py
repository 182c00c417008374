"""The simulated 3-D Secure step: the bank asks, the person completes or fails it."""

from flask import redirect, render_template, request

from sandbox.billing import charging, invoicing
from sandbox.errors import StripeError
from sandbox.pages import blueprint, the_world


def session_of(world, intent: dict) -> dict | None:
    for session in world.store.all("checkout.session"):
        if session.get("_intent") == intent["id"]:
            return session
    return None


@blueprint.get("/authenticate/<intent_id>")
def authenticate_page(intent_id: str):
    world = the_world()
    with world.lock:
        intent = world.need("payment_intent", intent_id)
        return render_template("authenticate.html", intent=intent)


@blueprint.post("/authenticate/<intent_id>")
def authenticate_submit(intent_id: str):
    world = the_world()
    with world.lock:
        intent = world.need("payment_intent", intent_id)
        return redirect(answer(world, intent, request.form.get("answer") == "complete"), 303)


def answer(world, intent: dict, complete: bool) -> str:
    """Go on after the step; the address to go to."""
    from sandbox.pages import checkout

    if intent["status"] != "requires_action":
        raise StripeError.invalid("There is nothing to authenticate any more.")
    session = session_of(world, intent)
    if session is not None and "_waiting" in session:
        if complete:
            return checkout.authenticated(world, session)
        checkout.refused(world, session)
        return f"{world.base_url}/pages/checkout/{session['id']}?authentication=failed"
    invoice = world.store.get("invoice", intent.get("_invoice", ""))
    if not complete:
        charging.fail_authentication(world, intent)
    else:
        method = world.the("payment_method", intent["payment_method"])
        if invoice is not None:
            invoicing.pay(world, invoice, method, authenticated=True)
        else:
            charging.confirm(world, intent, method, authenticated=True)
    if invoice is not None:
        return f"{world.base_url}/pages/invoices/{invoice['id']}"
    return intent.get("_return_url") or f"{world.base_url}/pages/authenticate/{intent['id']}"
