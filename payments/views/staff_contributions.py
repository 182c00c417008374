"""Contributions for staff: who gave what, what became of it, giving it back, and ending a monthly one."""

import secrets
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user

from kit.database import db
from kit.limits import limiter
from kit.problems import Refused
from membership.guards import staff
from payments import books, cancellations, gateway, monthly, refunds
from payments.cancellations import Wish
from payments.domain import amounts
from payments.leases import LeaseBusy, LeaseLost
from payments.models import Contribution, LedgerEntry
from payments.views.causes import CAUSES, CauseForm
from payments.views.contribution_form import text_of
from payments.views.giving_back import REASONS, NotGivenBack, attempt, give_back

bp = Blueprint("staff_contributions", __name__, url_prefix="/admin/contributions")
SILENT = (gateway.GatewayUnavailable, LeaseBusy, LeaseLost)


@bp.get("/")
@staff("finance", "support")
def index() -> str:
    """The newest first; ``status`` and ``about`` (part of an address or name) narrow it."""
    status, about = request.args.get("status", ""), request.args.get("about", "").strip()
    if status not in ("", *books.STATUSES):
        abort(404)
    page = min(max(request.args.get("page", 1, type=int), 1), 100_000)
    found = books.contributions(status, about, page)
    return render_template(
        "staff/contributions/index.html",
        contributions=found[: books.PAGE],
        more=len(found) > books.PAGE,
        page=page,
        status=status,
        about=about,
        statuses=books.STATUSES,
        sees_names=_sees_names(),
    )


@bp.get("/<public_id>")
@staff("finance", "support")
def show(public_id: str) -> str:
    """One contribution with its ledger entries, and the way to give a payment back."""
    return _page(_found(public_id))


@bp.post("/<public_id>/refund")
@staff("finance")
def refund(public_id: str) -> Any:
    """Give a payment back in part or whole. The wish is committed before Stripe is asked: sent twice, it is one refund."""
    contribution = _found(public_id)
    payment, reason, typed = _asked_for(contribution), request.form.get("reason", ""), request.form.get("amount", "")
    if payment is None or reason not in REASONS:
        abort(400)
    try:
        amount = amounts.parse(typed, payment.currency, 1, payment.amount)
        words = give_back(payment, amount, reason, asked_by=current_user.id, attempt=attempt())
    except Refused as refusal:
        return _page(contribution, payment, typed, text_of(refusal.problems["amount"])), 422
    except NotGivenBack as failure:
        contribution = _found(public_id)
        return _page(contribution, _asked_for(contribution), typed, failure.words, failure.attempt), failure.status
    flash(_("%(sum)s is on its way back.", sum=words), "success")
    db.session.commit()
    return redirect(url_for("staff_contributions.show", public_id=public_id), 303)


@bp.post("/<public_id>/end")
@limiter.limit("60/hour")
@staff("finance", "support")
def end(public_id: str) -> Any:
    """End a monthly one now, for somebody who asks us to. The cause travels to Stripe before the end, so that it is never lost."""
    contribution, form = _found(public_id), CauseForm()
    subscription_id, customer_id = contribution.subscription_id, contribution.customer_id
    if not _runs(contribution) or subscription_id is None or customer_id is None:
        return redirect(url_for("staff_contributions.show", public_id=public_id), 303)
    if not form.validate():
        return _page(contribution, end_form=form), 422
    wish = Wish(cause=form.cause.data or "staff", source="staff", by=current_user.email, note=(form.note.data or "").strip())
    try:
        cancellations.end_now(subscription_id, customer_id, wish)
    except SILENT:
        db.session.rollback()
        return _page(_found(public_id), end_form=form, not_ended=_("Stripe does not answer. Press the button again in a moment.")), 503
    except gateway.GatewayRefused as error:
        db.session.rollback()
        return _page(_found(public_id), end_form=form, not_ended=_("Stripe refuses: %(why)s", why=str(error))), 422
    flash(_("The monthly contribution has ended. Nothing more is charged."), "success")
    db.session.commit()
    return redirect(url_for("staff_contributions.show", public_id=public_id), 303)


def _runs(contribution: Contribution) -> bool:
    return contribution.frequency == "month" and contribution.status in monthly.RUNNING and contribution.subscription_id is not None


def _asked_for(contribution: Contribution) -> LedgerEntry | None:
    return next((one for one in refunds.payments_of(contribution.id) if one.source_id == request.form.get("payment")), None)


def _page(
    contribution: Contribution,
    payment: LedgerEntry | None = None,
    typed: str = "",
    problem: str = "",
    attempt: str = "",
    not_ended: str = "",
    end_form: CauseForm | None = None,
) -> str:
    return render_template(
        "staff/contributions/show.html",
        contribution=contribution,
        entries=books.entries_of(contribution.id),
        payments=[(one, refunds.left(one)) for one in refunds.payments_of(contribution.id)],
        failed_payment=payment.source_id if payment else "",
        typed=typed,
        problem=problem,
        not_ended=not_ended,
        runs=_runs(contribution),
        end_form=end_form or CauseForm(formdata=None),
        askings=cancellations.of_subscription(contribution.subscription_id) if contribution.subscription_id else [],
        causes=CAUSES,
        attempt=attempt or secrets.token_hex(16),
        reason=request.form.get("reason", REASONS[0]),
        may_refund=current_user.role in ("owner", "finance"),
        sees_names=_sees_names(),
        decimal=lambda amount: str(amounts.major(amount, contribution.currency)),
    )


def _found(public_id: str) -> Contribution:
    contribution = books.contribution(public_id)
    if contribution is None:
        abort(404)
    return contribution


def _sees_names() -> bool:
    """Who asked not to be named is named to those only who keep the books."""
    return current_user.role in ("owner", "finance")
