"""A member's own money: Stripe's portal, leaving, and staying after all."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user

from kit.database import db
from kit.limits import limiter
from kit.urls import public_url
from membership.guards import signed_in
from payments import cancellations, customers, gateway, subscriptions
from payments.leases import LeaseBusy, LeaseLost
from payments.models import Subscription

bp = Blueprint("billing", __name__, url_prefix="/account")
TROUBLE = (gateway.GatewayUnavailable, gateway.GatewayRefused, LeaseBusy, LeaseLost)


@bp.post("/billing")
@limiter.limit("20/hour")
@signed_in
def portal() -> Any:
    """To Stripe's portal: card, invoices, address, plan."""
    customer_id = customers.of_account(current_user.id)
    db.session.rollback()
    if customer_id is None:
        return redirect(url_for("checkout.subscribe"), 303)
    try:
        session = gateway.create_portal_session(customer_id, public_url("account.show"))
    except (gateway.GatewayUnavailable, gateway.GatewayRefused):
        return _away()
    return redirect(session["url"], 303)


@bp.get("/cancel")
@signed_in
def cancel() -> str:
    """Until when she reads if she leaves now, and the way to do it; reasons may be skipped."""
    return render_template("billing/cancel.html", subscription=_mine())


@bp.post("/cancel")
@limiter.limit("20/hour")
@signed_in
def leave() -> Any:
    """End at the period's end."""
    row = _mine()
    if row is None:
        return redirect(url_for("billing.cancel"), 303)
    account_id = current_user.id
    try:
        changed = cancellations.schedule(row.id, row.customer_id, request.form.get("reason", ""), request.form.get("comment", ""))
    except TROUBLE:
        return _away()
    if changed is not None and changed.ends_at is not None:
        cancellations.confirm(account_id, changed)
    db.session.commit()
    return redirect(url_for("billing.cancel"), 303)


@bp.post("/cancel/undo")
@limiter.limit("20/hour")
@signed_in
def undo() -> Any:
    """It renews again."""
    row = _mine()
    if row is None:
        return redirect(url_for("billing.cancel"), 303)
    try:
        cancellations.undo(row.id, row.customer_id)
    except TROUBLE:
        return _away()
    flash(_("Your subscription renews again."), "success")
    db.session.commit()
    return redirect(url_for("billing.cancel"), 303)


def _mine() -> Subscription | None:
    """The Subscription that this page is about: hers, the newest that is not over."""
    return next(iter(subscriptions.of_account(current_user.id)), None)


def _away() -> tuple[str, int]:
    db.session.rollback()
    return render_template("billing/away.html"), 503
