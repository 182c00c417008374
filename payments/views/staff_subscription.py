"""One Subscription for staff: how it stands, what happened to it, ending it with a cause, a free month, trying the card again."""

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from sqlalchemy import select
from wtforms import RadioField

from kit.database import db
from kit.limits import limiter
from membership.guards import staff
from membership.models import Account, MembershipInterval
from payments import cancellations, customers, gateway, offers
from payments.cancellations import Wish
from payments.domain import dunning
from payments.domain.events import is_id
from payments.leases import LeaseBusy, LeaseLost
from payments.models import Subscription
from payments.offers import NotOffered
from payments.views.cancellations import REASONS, choice
from payments.views.causes import CAUSES, CauseForm

bp = Blueprint("staff_subscription", __name__, url_prefix="/admin/subscriptions")
SILENT = (gateway.GatewayUnavailable, LeaseBusy, LeaseLost)
OFFERS = {"pause": _l("a pause"), "yearly": _l("the yearly price"), "free_month": _l("a free month")}


class EndForm(CauseForm):
    """When, whose doing, and a note for who comes after."""

    when = RadioField(
        _l("When"),
        choices=[choice("period_end", _l("when what is paid is over")), choice("now", _l("now"))],
        default="period_end",
    )


@bp.get("/<subscription_id>")
@staff("support", "finance")
def show(subscription_id: str) -> Any:
    """State and history, and what can be done."""
    return _page(_found(subscription_id), EndForm(formdata=None))


@bp.post("/<subscription_id>/leave")
@limiter.limit("60/hour")
@staff("support", "finance")
def leave(subscription_id: str) -> Any:
    """End it, now or at the period's end. The cause travels to Stripe before the end, so that it is never lost."""
    row, form = _found(subscription_id), EndForm()
    if row.ended_at is not None:
        return _back(subscription_id)
    if not form.validate():
        return _page(row, form, 422)
    wish = Wish(cause=form.cause.data or "staff", source="staff", by=current_user.email, note=(form.note.data or "").strip())
    end = cancellations.end_now if form.when.data == "now" else cancellations.schedule
    try:
        end(row.id, row.customer_id, wish)
    except SILENT:
        return _again(
            subscription_id,
            form,
            _("Stripe does not answer just now. If it heard us, this page says so in a few minutes; or try again then."),
            503,
        )
    except gateway.GatewayRefused as error:
        return _again(subscription_id, form, _("Stripe refused: %(why)s", why=str(error)), 422)
    flash(_("Done."), "success")
    db.session.commit()
    return _back(subscription_id)


@bp.post("/<subscription_id>/free-month")
@limiter.limit("60/hour")
@staff("support")
def free_month(subscription_id: str) -> Any:
    """Her next month is free; once a person a year, whoever gives it."""
    row = _found(subscription_id)
    account_id = customers.account_of(row.customer_id)
    if account_id is None:
        abort(404)
    return _do(
        subscription_id,
        lambda: offers.free_month(account_id, row.id, row.customer_id, Wish(source="staff", by=current_user.email)),
        _("Her next month is free."),
    )


@bp.post("/<subscription_id>/retry")
@limiter.limit("60/hour")
@staff("support", "finance")
def retry(subscription_id: str) -> Any:
    """Try the card on file for what is overdue, once more."""
    row = _found(subscription_id)
    if not dunning.is_overdue(row.status, row.invoice_status):
        return _back(subscription_id)
    return _do(subscription_id, lambda: offers.collect(row.id, row.customer_id), _("Paid."))


def _do(subscription_id: str, verb: Any, words: str) -> Any:
    form = EndForm(formdata=None)
    try:
        verb()
    except NotOffered:
        return _again(
            subscription_id,
            form,
            _("Not possible: she had a free month within a year, does not pay by the month, or a change of plan waits."),
            422,
        )
    except SILENT:
        return _again(subscription_id, form, _("Stripe does not answer just now. Look again in a minute."), 503)
    except gateway.GatewayRefused as error:
        return _again(subscription_id, form, _("Stripe refused: %(why)s", why=str(error)), 422)
    flash(words, "success")
    db.session.commit()
    return _back(subscription_id)


def _found(subscription_id: str) -> Subscription:
    row = db.session.get(Subscription, subscription_id) if is_id(subscription_id) else None
    return row if row is not None and row.purpose == "subscription" else abort(404)


def _back(subscription_id: str) -> Any:
    return redirect(url_for("staff_subscription.show", subscription_id=subscription_id), 303)


def _again(subscription_id: str, form: EndForm, problem: str, status: int) -> Any:
    db.session.rollback()
    return _page(_found(subscription_id), form, status, problem)


def _page(row: Subscription, form: EndForm, status: int = 200, problem: str = "") -> Any:
    account_id = customers.account_of(row.customer_id)
    mine = (MembershipInterval.source_kind == "subscription", MembershipInterval.source_id == row.id)
    page = render_template(
        "staff/subscription.html",
        subscription=row,
        account=db.session.get(Account, account_id) if account_id is not None else None,
        history=list(db.session.scalars(select(MembershipInterval).where(*mine).order_by(MembershipInterval.id.desc()).limit(50))),
        askings=cancellations.of_subscription(row.id),
        causes=CAUSES,
        reasons={one.value: one.label for one in REASONS},
        offers=OFFERS,
        form=form,
        problem=problem,
        overdue=dunning.is_overdue(row.status, row.invoice_status),
        may_give=account_id is not None
        and row.interval == "month"
        and row.status == "active"
        and row.ends_at is None
        and row.schedule_id is None
        and not offers.had_free_month(account_id),
    )
    return page, status
