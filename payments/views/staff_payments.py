"""Single payments for staff: money that could not be placed or is in doubt, and giving any payment back."""

import secrets
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy import select

from kit.database import db
from kit.problems import Refused
from membership.domain import emails
from membership.guards import staff
from membership.models import Account
from payments import books, gateway, ledger, refunds, risks, watchlist
from payments.domain import amounts
from payments.domain.events import is_id
from payments.views.contribution_form import text_of
from payments.views.giving_back import REASONS, NotGivenBack, attempt, give_back
from payments.watchlist import Looked

bp = Blueprint("staff_payments", __name__, url_prefix="/admin/payments")
LONGEST_NOTE = 200


@bp.get("/")
@staff("finance")
def index() -> str:
    """What waits to be looked at: in doubt, then unexpected."""
    page = min(max(request.args.get("page", 1, type=int), 1), 100_000)
    found = watchlist.unexpected(page)
    return render_template(
        "staff/payments/index.html",
        doubtful=watchlist.in_doubt() if page == 1 else [],
        unexpected=found[: watchlist.PAGE],
        more=len(found) > watchlist.PAGE,
        page=page,
    )


@bp.get("/<charge_id>")
@staff("finance")
def show(charge_id: str) -> str:
    """One payment: what moved, what is thought of it, and what can be done."""
    return _page(_found(charge_id))


@bp.post("/<charge_id>/place")
@staff("finance")
def place(charge_id: str) -> Any:
    """Whose this money is: a contribution's, a reader's, or none of ours."""
    found = _found(charge_id)
    verdict, whose, note = (request.form.get(name, "").strip() for name in ("verdict", "whose", "note"))
    if not watchlist.waits(found.payment):
        return redirect(url_for("staff_payments.show", charge_id=charge_id), 303)
    problems: dict[str, str] = {}
    target: dict[str, int] = {}
    if verdict not in _verdicts(found):
        problems["verdict"] = _("Choose what this payment is.")
    elif verdict != "elsewhere":
        target, problem = _target(verdict, whose, found.payment.currency)
        problems |= {"whose": problem} if problem else {}
    if not note or len(note) > LONGEST_NOTE:
        problems["note"] = _("Write down in a few words how you know (200 characters at most).")
    if problems:
        return _page(found, problems=problems, typed={"verdict": verdict, "whose": whose, "note": note}), 422
    ledger.place(charge_id, verdict, by=current_user.id, note=note, **target)
    flash(_("Noted. The ledger keeps what the payment was, and says now whose it is."), "success")
    db.session.commit()
    return redirect(url_for("staff_payments.show", charge_id=charge_id), 303)


@bp.post("/<charge_id>/clear")
@staff("finance")
def clear(charge_id: str) -> Any:
    """Staff has looked, and the payment is good."""
    _found(charge_id)
    risks.clear(charge_id, by=current_user.id, note=request.form.get("note", "").strip()[:LONGEST_NOTE])
    flash(_("The payment counts again."), "success")
    db.session.commit()
    return redirect(url_for("staff_payments.show", charge_id=charge_id), 303)


@bp.post("/<charge_id>/refund")
@staff("finance")
def refund(charge_id: str) -> Any:
    """Give it back in part or whole. The wish is committed before Stripe is asked: sent twice, it is one refund."""
    found = _found(charge_id)
    payment, reason, typed = found.payment, request.form.get("reason", ""), request.form.get("amount", "")
    if reason not in REASONS:
        abort(400)
    try:
        amount = amounts.parse(typed, payment.currency, 1, payment.amount)
        words = give_back(payment, amount, reason, asked_by=current_user.id, attempt=attempt())
    except Refused as refusal:
        return _page(found, problems={"amount": text_of(refusal.problems["amount"])}, typed={"amount": typed, "reason": reason}), 422
    except NotGivenBack as failure:
        kept = {"amount": typed, "reason": reason, "attempt": failure.attempt}
        return _page(_found(charge_id), problems={"amount": failure.words}, typed=kept), failure.status
    flash(_("%(sum)s is on its way back.", sum=words), "success")
    db.session.commit()
    return redirect(url_for("staff_payments.show", charge_id=charge_id), 303)


def _verdicts(found: Looked) -> tuple[str, ...]:
    """What staff may say of it: what pays for a Subscription is no contribution."""
    return ("account", "elsewhere") if watchlist.is_nobodys(found.payment) else ("contribution", "account", "elsewhere")


def _target(verdict: str, whose: str, currency: str) -> tuple[dict[str, int], str]:
    """(the columns that name it, a problem or "")."""
    if verdict == "contribution":
        given = books.contribution(whose.rstrip("/").rpartition("/")[2]) if whose else None
        if given is None:
            return {}, _("Enter the address of a contribution's page, or its id.")
        if given.currency != currency:  # its sums would add up what cannot be added
            return {}, _("This contribution is in another currency. Give the payment to the reader instead.")
        return {"contribution_id": given.id}, ""
    try:
        key = emails.parse(whose)[1]
    except emails.NotAnAddress:
        return {}, _("Enter the reader's e-mail address.")
    account_id = db.session.scalars(select(Account.id).where(Account.email_key == key)).one_or_none()
    return ({"account_id": account_id}, "") if account_id else ({}, _("No reader has this address."))


def _page(found: Looked, *, problems: dict[str, str] | None = None, typed: dict[str, str] | None = None) -> str:
    kept = typed or {}
    left = refunds.left(found.payment)
    return render_template(
        "staff/payments/show.html",
        found=found,
        left=left,
        attempt=kept.get("attempt") or secrets.token_hex(16),
        verdicts=_verdicts(found) if watchlist.waits(found.payment) else (),
        typed={"amount": str(amounts.major(left, found.payment.currency)), "whose": found.likely, **kept},
        problems=problems or {},
        dashboard=dashboard,
    )


def dashboard(kind: str, object_id: str) -> str:
    """The object's page in Stripe's own Dashboard: ``kind`` is payments or disputes."""
    return f"https://dashboard.stripe.com/{'' if gateway.live() else 'test/'}{kind}/{object_id}"


def _found(charge_id: str) -> Looked:
    found = watchlist.looked_at(charge_id) if is_id(charge_id) else None
    if found is None:
        abort(404)
    return found
