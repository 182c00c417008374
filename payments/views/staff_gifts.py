"""Gifts for staff: who gave what to whom, what became of it, and giving the money back."""

import secrets
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy import func, or_, select

from kit import clock
from kit.database import db
from kit.problems import Refused
from membership.guards import staff
from membership.models import Account
from payments import gifts, ledger, refunds
from payments.domain import gifts as rules
from payments.models import Gift
from payments.views.giving_back import NotGivenBack, attempt, give_back

bp = Blueprint("staff_gifts", __name__, url_prefix="/admin/gifts")
PAGE = 50


@bp.get("/")
@staff("finance", "support")
def index() -> str:
    """The newest first; ``about`` (part of an address or name) narrows it. What was never paid is left out."""
    about, page = request.args.get("about", "").strip()[:200], min(max(request.args.get("page", 1, type=int), 1), 100_000)
    found = select(Gift).where(Gift.paid_at.is_not(None)).order_by(Gift.id.desc())
    if about:
        like = about.lower()
        columns = (Gift.email, Gift.name, Gift.recipient_email, Gift.recipient_name)
        found = found.where(or_(*(func.lower(column).contains(like, autoescape=True) for column in columns)))
    rows = list(db.session.scalars(found.limit(PAGE + 1).offset((page - 1) * PAGE)))
    now = clock.now()
    shown = [(gift, rules.state(gift, now)) for gift in rows[:PAGE]]
    return render_template("staff/gifts/index.html", gifts=shown, more=len(rows) > PAGE, page=page, about=about)


@bp.get("/<public_id>")
@staff("finance", "support")
def show(public_id: str) -> str:
    """One gift, and the way to give it back."""
    return _page(_found(public_id))


@bp.post("/<public_id>/refund")
@staff("finance")
def refund(public_id: str) -> Any:
    """Give back all that is left of its payment: the gift ends. The wish is committed before Stripe is asked."""
    gift = _found(public_id)
    payment = ledger.payment_of(gift.charge_id or "")
    if payment is None:
        abort(404)
    try:
        words = give_back(payment, refunds.left(payment), "requested_by_customer", asked_by=current_user.id, attempt=attempt())
    except Refused:
        db.session.rollback()
        return _page(_found(public_id), problem=_("Nothing is left to give back.")), 422
    except NotGivenBack as failure:
        return _page(_found(public_id), failure.words, failure.attempt), failure.status
    flash(_("%(sum)s is on its way back, and the gift has ended.", sum=words), "success")
    db.session.commit()
    return redirect(url_for("staff_gifts.show", public_id=public_id), 303)


@bp.post("/<public_id>/send")
@staff("support")
def send(public_id: str) -> Any:
    """Mail it to the recipient once more."""
    if gifts.send_again(_found(public_id)):
        flash(_("Sent again."), "success")
    db.session.commit()
    return redirect(url_for("staff_gifts.show", public_id=public_id), 303)


def _page(gift: Gift, problem: str = "", attempt: str = "") -> str:
    payment = ledger.payment_of(gift.charge_id or "")
    return render_template(
        "staff/gifts/show.html",
        gift=gift,
        state=rules.state(gift, clock.now()),
        title=gifts.title(gift),
        reader=db.session.get(Account, gift.redeemed_by) if gift.redeemed_by else None,
        left=refunds.left(payment) if payment is not None else 0,
        may_refund=current_user.role in ("owner", "finance"),
        problem=problem,
        attempt=attempt or secrets.token_hex(16),
    )


def _found(public_id: str) -> Gift:
    gift = gifts.by_public_id(public_id)
    return gift if gift is not None and gift.paid_at is not None else abort(404)
