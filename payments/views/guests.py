"""To Stripe's Checkout and back, for what needs no account: contributions and gifts. Whoever is signed in is as welcome."""

from collections.abc import Callable
from typing import Any

from flask import abort, redirect, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from kit.database import db
from kit.limits import client_network, form_email, limiter
from membership import sessions
from membership.models import Account
from payments import arrivals, gateway, intents
from payments.intents import Asked
from payments.leases import LeaseBusy, LeaseLost
from payments.models import CheckoutIntent

PATIENCE = 2.0  # seconds that the page waits for a worker who looks at the same payment


def _everybody() -> str:
    return "everybody"


def went_to_stripe(response: Response) -> bool:
    """Only a Session at Stripe counts: somebody who mistypes ten times is no card tester (safety M06)."""
    return response.status_code == 303


def few_sessions(view: Callable[..., Any]) -> Callable[..., Any]:
    """A door at which Sessions are made: so many an hour for an address, a network and everybody."""
    view = limiter.limit("10/hour", key_func=form_email, deduct_when=went_to_stripe)(view)
    view = limiter.limit("20/hour", key_func=client_network, deduct_when=went_to_stripe)(view)
    return limiter.limit("300/hour", key_func=_everybody, deduct_when=went_to_stripe)(view)


def each_field_once() -> None:
    """Refuse (400) a form with a field that was sent twice: which of the two would she have meant?"""
    if any(len(values) > 1 for _name, values in request.form.lists()):
        abort(400)


def account() -> Account | None:
    """Who is signed in, if anybody is."""
    return sessions.reader() if current_user.is_authenticated else None


def to_checkout(asked: Asked, params: dict[str, Any], *, thanks: str, page: Callable[[str], str]) -> Any:
    """To Stripe with a wish that is committed; one that was answered or paid before leads where it led.

    ``thanks`` is the endpoint of the way back; ``page`` draws the form once more, with the trouble: ``away`` or ``refused``.
    """
    if asked.state == "complete":
        return redirect(url_for(thanks, session_id=asked.session_id), 303)
    if asked.session_url:
        return redirect(asked.session_url, 303)
    try:
        made = gateway.create_checkout_session(params, asked.key)
    except (gateway.GatewayUnavailable, gateway.GatewayRefused) as error:
        # No answer: the Session may exist, so the next try asks with the same key. A refusal ends this wish.
        away = isinstance(error, gateway.GatewayUnavailable)
        intents.finish(asked.id, "unknown" if away else "failed")
        db.session.commit()
        return page("away" if away else "refused"), 503 if away else 422
    intents.answered(asked.id, made)
    db.session.commit()
    return redirect(made["url"], 303)


def came_for(found: Any) -> CheckoutIntent | None:
    """The wish behind a contribution or gift of this browser's, if the Session in the address is that wish's."""
    intent = db.session.get(CheckoutIntent, found.intent_id) if found else None
    return intent if intent is not None and intent.session_id == request.args.get("session_id") else None


def turned_round(found: Any, intent: CheckoutIntent) -> bool:
    """Look at Stripe for what is pending; did she come back without paying? What nobody can say now the webhook brings."""
    intent_id, unsure = intent.id, False
    if found.status == "pending":
        try:
            arrivals.sync(intent.session_id or "", patience=PATIENCE)
            db.session.commit()
        except (LeaseBusy, LeaseLost, gateway.GatewayUnavailable, gateway.GatewayRefused):
            db.session.rollback()  # the page says that a letter follows
            unsure = True
    now = db.session.get(CheckoutIntent, intent_id)
    return now is not None and now.state in ("open", "expired") and not unsure
