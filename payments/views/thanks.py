"""Thanks in public: the page, staff's desk for it, and the way for her to take her name off."""

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user

from kit.database import db
from kit.limits import limiter
from membership.guards import public, staff
from payments import books, receipts, thanks
from payments.models import Contribution, LedgerEntry

bp = Blueprint("thanks", __name__)


@bp.get("/contribute/thanks-to")
@public
def index() -> str:
    """Who allowed it and whom an editor has read: name, dedication, message. Never an amount."""
    page = min(max(request.args.get("page", 1, type=int), 1), 100_000)
    found = thanks.published(page)
    return render_template("contributions/thanks_to.html", given=found[: thanks.PAGE], more=len(found) > thanks.PAGE, page=page)


@bp.post("/account/receipts/<public_id>/unthank")
@limiter.limit("30/hour")
@public
def withdraw(public_id: str) -> Any:
    """By the receipt's own address, which only she has: guests have no account to sign in to."""
    contribution = of_receipt(public_id)
    if contribution is None:
        abort(404)
    thanks.withdraw(contribution)
    flash(_("Your name is not shown any more."), "success")
    db.session.commit()
    return redirect(url_for("receipts.show", public_id=public_id), 303)


@bp.get("/admin/thanks/")
@staff("editor", "finance", "support")
def desk() -> str:
    """Who may be thanked and waits to be read; and who is on the page."""
    return render_template("staff/thanks/index.html", waiting=thanks.waiting(), published=thanks.published(1))


@bp.post("/admin/thanks/<public_id>")
@staff("editor", "finance", "support")
def decide(public_id: str) -> Any:
    """Put it on the page, or take it down."""
    contribution = books.contribution(public_id)
    if contribution is None:
        abort(404)
    if request.form.get("do") == "approve":
        try:
            thanks.approve(contribution, by=current_user.id)
        except LookupError:
            flash(_("It cannot be shown any more: consent was taken back, or the payment does not stand."), "error")
            return redirect(url_for("thanks.desk"), 303)
        flash(_("It is on the page of thanks."), "success")
    else:
        thanks.take_down(contribution)
        flash(_("It is off the page of thanks."), "success")
    db.session.commit()
    return redirect(url_for("thanks.desk"), 303)


def of_receipt(public_id: str) -> Contribution | None:
    """The contribution that this receipt is for."""
    receipt = receipts.by_public_id(public_id)
    payment = db.session.get(LedgerEntry, receipt.ledger_entry_id) if receipt else None
    return db.session.get(Contribution, payment.contribution_id) if payment and payment.contribution_id else None
