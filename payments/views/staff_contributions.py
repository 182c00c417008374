"""Contributions for staff: who gave what, what became of it, and giving it back."""

import re
import secrets
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user

from kit.database import db
from kit.formats import money
from kit.problems import Refused
from membership.guards import staff
from payments import books, gateway, refunds
from payments.domain import amounts
from payments.models import Contribution, LedgerEntry
from payments.views.contribution_form import text_of

bp = Blueprint("staff_contributions", __name__, url_prefix="/admin/contributions")
REASONS = ("requested_by_customer", "duplicate", "fraudulent")


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
    payment = next((one for one in refunds.payments_of(contribution.id) if one.source_id == request.form.get("payment")), None)
    reason, typed = request.form.get("reason", ""), request.form.get("amount", "")
    if payment is None or reason not in REASONS:
        abort(400)
    try:
        amount = amounts.parse(typed, payment.currency, 1, payment.amount)
        asked = refunds.begin(payment, amount, reason, asked_by=current_user.id, attempt=_attempt())
    except Refused as refusal:
        return _page(contribution, payment, typed, text_of(refusal.problems["amount"])), 422
    words = money(amount, payment.currency)
    db.session.commit()
    try:
        made = gateway.create_refund(asked.params, asked.key)
    except gateway.GatewayUnavailable:
        return _failed(
            public_id,
            asked.id,
            "unknown",
            typed,
            _("Stripe does not answer. Press the button again in a moment: it cannot be paid back twice."),
        ), 503
    except gateway.GatewayRefused as error:
        return _failed(public_id, asked.id, "failed", typed, _("Stripe refuses: %(why)s", why=str(error))), 422
    refunds.done(asked.id, made)
    flash(_("%(sum)s is on its way back.", sum=words), "success")
    db.session.commit()
    return redirect(url_for("staff_contributions.show", public_id=public_id), 303)


def _failed(public_id: str, intent_id: str, state: str, typed: str, words: str) -> str:
    refunds.over(intent_id, state)
    db.session.commit()
    contribution = _found(public_id)
    payment = next((one for one in refunds.payments_of(contribution.id) if one.source_id == request.form.get("payment")), None)
    # No answer: the same attempt again asks with the same key. A refusal: the next try is a new one.
    return _page(contribution, payment, typed, words, attempt=_attempt() if state == "unknown" else None)


def _page(
    contribution: Contribution, payment: LedgerEntry | None = None, typed: str = "", problem: str = "", attempt: str | None = None
) -> str:
    return render_template(
        "staff/contributions/show.html",
        contribution=contribution,
        entries=books.entries_of(contribution.id),
        payments=[(one, refunds.left(one)) for one in refunds.payments_of(contribution.id)],
        failed_payment=payment.source_id if payment else "",
        typed=typed,
        problem=problem,
        attempt=attempt or secrets.token_hex(16),
        reason=request.form.get("reason", REASONS[0]),
        may_refund=current_user.role in ("owner", "finance"),
        sees_names=_sees_names(),
        decimal=lambda amount: str(amounts.major(amount, contribution.currency)),
    )


def _attempt() -> str:
    """Which rendering of the form this is; one that we did not make is a new one."""
    sent = request.form.get("attempt", "")
    return sent if re.fullmatch(r"[0-9a-f]{32}", sent) else secrets.token_hex(16)


def _found(public_id: str) -> Contribution:
    contribution = books.contribution(public_id)
    if contribution is None:
        abort(404)
    return contribution


def _sees_names() -> bool:
    """Who asked not to be named is named to those only who keep the books."""
    return current_user.role in ("owner", "finance")
