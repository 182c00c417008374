"""Plans for staff (trial days, what is on sale), and a reader's Subscriptions: ending one at once, with or without the money."""

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user

from kit.database import db
from kit.limits import limiter
from kit.problems import Refused
from membership.guards import staff
from membership.models import Account
from payments import cancellations, customers, gateway, pauses, plans, refunds, subscriptions
from payments.cancellations import Wish
from payments.domain.events import is_id
from payments.domain.subscriptions import END_CAUSES
from payments.leases import LeaseBusy, LeaseLost
from payments.models import Subscription
from payments.views.contribution_form import text_of
from payments.views.giving_back import NotGivenBack, give_back

bp = Blueprint("staff_subscriptions", __name__, url_prefix="/admin/subscriptions")
plans_bp = Blueprint("staff_plans", __name__, url_prefix="/admin/plans")
SILENT = (gateway.GatewayUnavailable, LeaseBusy, LeaseLost)


@plans_bp.get("/")
@staff("finance")
def index() -> str:
    """Every plan with its Price at Stripe, whether it is on sale, and its trial."""
    return _plans_page()


@plans_bp.post("/<key>")
@staff("finance")
def change(key: str) -> Any:
    """Set the plan's trial days, for whoever subscribes from now on."""
    typed = request.form.get("trial_days", "")
    try:
        row = plans.set_trial_days(key, typed)
    except Refused as refusal:
        return _plans_page(key, typed, text_of(refusal.problems["trial_days"])), 422
    if row is None:
        abort(404)
    flash(_("Saved."), "success")
    db.session.commit()
    return redirect(url_for("staff_plans.index"), 303)


def _plans_page(failed: str = "", typed: str = "", problem: str = "") -> str:
    return render_template("staff/plans.html", plans=plans.all_plans(), failed=failed, typed=typed, problem=problem)


@bp.post("/<subscription_id>/end")
@limiter.limit("60/hour")
@staff("finance", "support")
def end(subscription_id: str) -> Any:
    """End it at once; ``back`` gives the last payment back too (finance only)."""
    row, account = _found(subscription_id)
    cause, back = request.form.get("cause", ""), request.form.get("back") == "y"
    if cause not in END_CAUSES or (back and current_user.role not in ("owner", "finance")):
        abort(400)
    wish = Wish(cause=cause, source="staff", by=current_user.email)
    public_id, asked_by, ids = account.public_id, current_user.id, (row.id, row.customer_id)
    db.session.rollback()
    try:
        cancellations.end_now(*ids, wish)
    except SILENT:
        return _away(public_id)
    except gateway.GatewayRefused as error:
        return _refused(public_id, error)
    flash(_("The subscription has ended."), "success")
    db.session.commit()
    return _give_back(ids[0], asked_by, public_id) if back else _member(public_id)


def _give_back(subscription_id: str, asked_by: int, public_id: str) -> Any:
    """What is left of the last payment; the wish is committed before Stripe is asked."""
    payment = refunds.last_payment_of(subscription_id)
    amount = refunds.left(payment) if payment is not None else 0
    if payment is None or not amount:
        flash(_("There was no payment to give back."), "error")
        return _member(public_id)
    try:
        words = give_back(payment, amount, "requested_by_customer", asked_by=asked_by, attempt=f"end-{subscription_id}")
    except Refused as refusal:
        db.session.rollback()
        flash(text_of(refusal.problems["amount"]), "error")
        return _member(public_id)
    except NotGivenBack as failure:
        flash(
            _("It has ended. Stripe does not answer about the money: look at the payment's own page in a few minutes.")
            if failure.away
            else _("It has ended, but the payment was not given back. Do it on the payment's own page."),
            "error",
        )
        return _member(public_id)
    flash(_("%(sum)s is on its way back.", sum=words), "success")
    db.session.commit()
    return _member(public_id)


@bp.post("/<subscription_id>/pause")
@limiter.limit("60/hour")
@staff("finance", "support")
def halt(subscription_id: str) -> Any:
    """Stop it at once; what is left of the paid period is credited when it goes on."""
    return _do(subscription_id, pauses.halt, _("Paused. Nothing is charged until somebody lets it go on."))


@bp.post("/<subscription_id>/resume")
@limiter.limit("60/hour")
@staff("finance", "support")
def resume(subscription_id: str) -> Any:
    """Let it go on now."""
    return _do(subscription_id, pauses.resume, _("It goes on."))


def _do(subscription_id: str, verb: Any, words: str) -> Any:
    row, account = _found(subscription_id)
    public_id, ids = account.public_id, (row.id, row.customer_id)
    db.session.rollback()
    try:
        verb(*ids)
    except SILENT:
        return _away(public_id)
    except gateway.GatewayRefused as error:
        return _refused(public_id, error)
    flash(words, "success")
    db.session.commit()
    return _member(public_id)


def panel(account: Account) -> str:
    """A reader's Subscriptions that are not over, on the staff's page about her."""
    rows = subscriptions.of_account(account.id)
    return render_template("staff/subscriptions.html", rows=rows, causes=END_CAUSES, may_refund=current_user.role in ("owner", "finance"))


def _found(subscription_id: str) -> tuple[Subscription, Account]:
    row = db.session.get(Subscription, subscription_id) if is_id(subscription_id) else None
    account_id = customers.account_of(row.customer_id) if row is not None and row.purpose == "subscription" else None
    account = db.session.get(Account, account_id) if account_id is not None else None
    if row is None or account is None:
        abort(404)
    return row, account


def _member(public_id: str) -> Any:
    return redirect(url_for("staff_members.show", public_id=public_id), 303)


def _away(public_id: str) -> Any:
    db.session.rollback()
    flash(_("Stripe does not answer. Press the button again in a moment."), "error")
    return _member(public_id)


def _refused(public_id: str, error: Exception) -> Any:
    db.session.rollback()
    flash(_("Stripe refuses: %(why)s", why=str(error)), "error")
    return _member(public_id)
