"""A member's own money: Stripe's portal. (Leaving, and staying after all: views/cancellations.py, on the same blueprint.)"""

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask_login import current_user

from kit.database import db
from kit.limits import limiter
from kit.urls import public_url
from membership.guards import signed_in
from payments import customers, gateway, subscriptions
from payments.leases import LeaseBusy, LeaseLost
from payments.models import Subscription

bp = Blueprint("billing", __name__, url_prefix="/account")
TROUBLE = (gateway.GatewayUnavailable, gateway.GatewayRefused, LeaseBusy, LeaseLost)


@bp.post("/billing")
@limiter.limit("20/hour")
@signed_in
def portal() -> Any:
    """To Stripe's portal: card, invoices, address, plan. ``to=card`` leads straight to the card."""
    customer_id = customers.of_account(current_user.id)
    db.session.rollback()
    if customer_id is None:
        return redirect(url_for("checkout.subscribe"), 303)
    flow = {"type": "payment_method_update"} if request.form.get("to") == "card" else None
    try:
        session = gateway.create_portal_session(customer_id, public_url("account.show"), flow)
    except gateway.GatewayUnavailable:
        return away()  # a refusal: views/away.py says what is known
    return redirect(session["url"], 303)


def mine() -> Subscription | None:
    """The Subscription that these pages are about: hers, the newest that is not over."""
    return next(iter(subscriptions.of_account(current_user.id)), None)


def away() -> tuple[str, int]:
    """Stripe does not answer: nothing was changed."""
    db.session.rollback()
    return render_template("billing/away.html"), 503
