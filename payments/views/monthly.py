"""A monthly contribution's page, by the link in every mail about it: ending it without a question why, and another card."""

from typing import Any

from flask import Blueprint, Response, abort, flash, make_response, redirect, render_template, url_for
from flask_babel import gettext as _
from flask_login import current_user

from kit.database import db
from kit.limits import limiter
from kit.urls import public_url
from membership.guards import public
from payments import cancellations, customers, gateway, monthly, monthly_links
from payments.cancellations import Wish
from payments.leases import LeaseBusy, LeaseLost
from payments.models import Contribution, Subscription

bp = Blueprint("monthly", __name__)
PATIENCE = 2.0


@bp.get("/contribute/monthly/<token>")
@public
def show(token: str) -> Response:
    """What she gives each month, and the button that ends it. Looking changes nothing: mail scanners look too."""
    return _page(_found(token), token)


@bp.post("/contribute/monthly/<token>/end")
@limiter.limit("30/hour")
@public
def end(token: str) -> Any:
    """End it now."""
    found = _found(token)
    subscription_id, customer_id = found.subscription_id, found.customer_id
    if found.status in monthly.RUNNING and subscription_id and customer_id:
        try:
            cancellations.end_now(subscription_id, customer_id, Wish(by="reader"))
        except (LeaseBusy, LeaseLost, gateway.GatewayUnavailable, gateway.GatewayRefused):
            db.session.rollback()
            return _page(_found(token), token, away=True), 503
        flash(_("Your monthly contribution has ended. Thank you for every month of it."), "success")
        db.session.commit()
    return redirect(url_for("monthly.show", token=token), 303)


@bp.post("/contribute/monthly/<token>/card")
@limiter.limit("20/hour")
@public
def card(token: str) -> Any:
    """To Stripe's page for another card, and back here.

    What a guest paid with was made for this contribution alone. Where an account has it, Stripe's pages show whatever
    else she pays for: its owner signs in.
    """
    found = _found(token)
    here, customer_id = url_for("monthly.show", token=token), found.customer_id
    owner = found.account_id or (customers.account_of(customer_id) if customer_id else None)
    if owner is not None and not current_user.is_authenticated:
        return redirect(url_for("security.login", next=here), 303)
    if customer_id is None or (owner is not None and current_user.id != owner):
        abort(404)
    db.session.rollback()  # no transaction stays open while Stripe is asked
    back = public_url("monthly.show", token=token)
    flow = {"type": "payment_method_update", "after_completion": {"type": "redirect", "redirect": {"return_url": back}}}
    try:
        session = gateway.create_portal_session(customer_id, back, flow)
    except (gateway.GatewayUnavailable, gateway.GatewayRefused):
        return _page(_found(token), token, no_card=True), 503
    return redirect(session["url"], 303)


def _found(token: str) -> Contribution:
    found = monthly_links.by_token(token)
    if found is None:
        abort(404)
    return found


def _page(contribution: Contribution, token: str, **values: Any) -> Response:
    row = db.session.get(Subscription, contribution.subscription_id) if contribution.subscription_id else None
    asks = row is not None and row.action_invoice_id is not None and row.action_invoice_id == row.invoice_id
    known = {"running": contribution.status in monthly.RUNNING, "confirm_url": row.invoice_url if row is not None and asks else None}
    answer = make_response(render_template("contributions/monthly.html", contribution=contribution, token=token, **known, **values))
    answer.headers["Referrer-Policy"] = "no-referrer"  # the address is a secret of hers (safety A15)
    answer.headers["Cache-Control"] = "private, no-store"
    return answer
