"""Ending a monthly contribution: by the link in every receipt, without an account and without a question why."""

from typing import Any

from flask import Blueprint, Response, abort, flash, make_response, redirect, render_template, url_for
from flask_babel import gettext as _

from kit.database import db
from kit.limits import limiter
from membership.guards import public
from payments import gateway, monthly
from payments.leases import LeaseBusy, LeaseLost
from payments.models import Contribution

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
            monthly.end(subscription_id, customer_id, patience=PATIENCE)
        except (LeaseBusy, LeaseLost, gateway.GatewayUnavailable):
            db.session.rollback()
            return _page(_found(token), token, away=True), 503
        flash(_("Your monthly contribution has ended. Thank you for every month of it."), "success")
        db.session.commit()
    return redirect(url_for("monthly.show", token=token), 303)


def _found(token: str) -> Contribution:
    found = monthly.by_token(token)
    if found is None:
        abort(404)
    return found


def _page(contribution: Contribution, token: str, **values: Any) -> Response:
    running = contribution.status in monthly.RUNNING
    answer = make_response(render_template("contributions/monthly.html", contribution=contribution, token=token, running=running, **values))
    answer.headers["Referrer-Policy"] = "no-referrer"  # the address is a secret of hers (safety A15)
    answer.headers["Cache-Control"] = "private, no-store"
    return answer
