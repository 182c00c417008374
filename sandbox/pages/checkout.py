"""The hosted Checkout page."""

import dataclasses
import re

from flask import redirect, render_template, request
from werkzeug.wrappers import Response

from sandbox import clocks
from sandbox.billing import charging, checkout
from sandbox.errors import StripeError
from sandbox.pages import blueprint, the_world
from sandbox.pages.cardform import CardForm, method_of


@dataclasses.dataclass
class Typed:
    """The whole form as the person filled it."""

    email: str = ""
    promotion_code: str = ""
    card: CardForm = dataclasses.field(default_factory=CardForm)


def return_url(session: dict, url: str) -> str:
    return url.replace("{CHECKOUT_SESSION_ID}", session["id"])


def submit(world, session: dict, typed: Typed) -> str:
    """Pay with what was typed: the address to go to next.

    Raises StripeError with the message to show and, in `param`, the field.
    """
    email = email_of(world, session) or typed.email.strip()
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", email):
        raise StripeError.invalid("Your email is incomplete." if email else "Enter your email.", "email")
    code = typed.promotion_code.strip()
    if code and session["allow_promotion_codes"] and not session["_coupons"]:
        checkout.apply_code(world, session, code)
    method = None
    if needs_card(session):
        method = method_of(world, typed.card, of=session, email=email)
    person = {"email": email, "name": typed.card.name.strip() or None}
    return finish(world, session, method, person)


def needs_card(session: dict) -> bool:
    if session["mode"] == "payment":
        return session["amount_total"] > 0
    return session["mode"] == "setup" or session["amount_total"] > 0 or session["payment_method_collection"] == "always"


def finish(world, session: dict, method: dict | None, person: dict, *, authenticated: bool = False) -> str:
    status = checkout.complete(world, session, method, **person, authenticated=authenticated)
    if status == "requires_action":
        assert method is not None
        session["_waiting"] = {"method": method["id"], "person": person}
        world.store.put(session)
        return f"{world.base_url}/pages/authenticate/{session['_intent']}"
    return return_url(session, session["success_url"])


def authenticated(world, session: dict) -> str:
    """The simulated 3-D Secure step went well: finish what waited for it."""
    waiting = session.pop("_waiting")
    method = world.the("payment_method", waiting["method"])
    return finish(world, session, method, waiting["person"], authenticated=True)


def refused(world, session: dict) -> None:
    session.pop("_waiting", None)
    charging.fail_authentication(world, world.the("payment_intent", session["_intent"]))


def email_of(world, session: dict) -> str | None:
    """The e-mail address that is fixed: the customer's, or the one the session named."""
    if session["customer"]:
        return world.the("customer", session["customer"])["email"]
    return session["customer_email"]


def _page(session: dict, typed: Typed, error: StripeError | None = None, status: int = 200):
    world = the_world()
    if session["status"] != "open":
        template = "checkout/closed.html"
        return render_template(template, session=session, back=session["cancel_url"]), 410
    rows = checkout.line_items(world, session)
    page = render_template(
        "checkout/page.html",
        session=session,
        rows=rows,
        typed=typed,
        error=error,
        fixed_email=email_of(world, session),
        needs_card=needs_card(session),
        trial_end=checkout.trial_end(world, session),
        back=return_url(session, session["cancel_url"]) if session["cancel_url"] else None,
        recurring=[r for r in rows if r["price"]["recurring"]],
    )
    return page, status


@blueprint.get("/checkout/<session_id>")
def checkout_page(session_id: str):
    world = the_world()
    with world.lock:
        clocks.tick(world)
        session = world.need("checkout.session", session_id)
        error = None
        if request.args.get("authentication") == "failed":
            error = StripeError(
                "We are unable to authenticate your payment method. Please choose a different payment method and try again."
            )
        return _page(session, Typed(), error)


@blueprint.post("/checkout/<session_id>")
def checkout_submit(session_id: str):
    world, form = the_world(), request.form
    typed = Typed(
        form.get("email", ""),
        form.get("promotion_code", ""),
        CardForm(
            form.get("card_number", ""),
            form.get("expiry", ""),
            form.get("cvc", ""),
            form.get("name", ""),
            form.get("country", "US"),
            form.get("postal_code", ""),
        ),
    )
    with world.lock:
        clocks.tick(world)
        session = world.need("checkout.session", session_id)
        if session["status"] != "open":
            return _page(session, typed)
        try:
            # Enter presses the form's first button, which is Apply: without a new code it means Pay.
            if form.get("action") == "apply" and typed.promotion_code.strip() and not session["_coupons"]:
                checkout.apply_code(world, session, typed.promotion_code)
                return _page(session, typed)
            return _see(submit(world, session, typed))
        except StripeError as error:
            return _page(session, typed, error, 402 if error.status == 402 else 422)


def _see(url: str) -> Response:
    return redirect(url, 303)


@blueprint.errorhandler(StripeError)
def not_found(error: StripeError):
    return render_template("error.html", error=error), error.status
