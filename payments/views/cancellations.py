"""Leaving, in at most two clicks, and staying after all. What is offered instead never stands in the way."""

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import RadioField, SelectField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Length, Optional

from kit.database import db
from kit.formats import money
from kit.limits import limiter
from membership.guards import signed_in
from membership.models import Membership
from payments import cancellations, checkout, endings, gateway, offers, pauses
from payments.cancellations import NotTheReaders, Wish
from payments.domain import cancellations as rules
from payments.domain import dunning
from payments.leases import LeaseBusy
from payments.models import Subscription
from payments.offers import NotOffered
from payments.views.billing import TROUBLE, bp, mine


def choice(value: Any, words: Any) -> SelectChoice:
    """A choice whose words are translated when they are shown."""
    return SelectChoice(value, words)


REASONS = [
    choice("too_expensive", _l("It costs too much")),
    choice("unused", _l("I read too little")),
    choice("low_quality", _l("The reporting disappoints me")),
    choice("missing_features", _l("Something is missing")),
    choice("switched_service", _l("I read something else now")),
    choice("too_complex", _l("The site is hard to use")),
    choice("customer_service", _l("I was not treated well")),
    choice("other", _l("Another reason")),
]


class LeaveForm(FlaskForm):
    """Why, if she likes to say; and for how long a pause would be."""

    reason = RadioField(_l("May we ask why? You need not say."), [Optional()], choices=REASONS)
    comment = TextAreaField(
        _l("In your words, if you like"), [Length(max=rules.LONGEST_COMMENT, message=_l("At most 500 characters, please."))]
    )
    months = SelectField(
        _l("For how long?"),
        [Optional()],
        coerce=int,
        default=1,
        choices=[choice(1, _l("one month")), choice(2, _l("two months")), choice(3, _l("three months"))],
    )


@bp.get("/cancel")
@signed_in
def cancel() -> Any:
    """Until when she reads if she leaves now, and the way to do it; reasons may be skipped."""
    return _page(mine(), LeaveForm(formdata=None))


@bp.post("/cancel")
@limiter.limit("20/hour")
@signed_in
def leave() -> Any:
    """End when what is paid is over (at once where nothing is left of it); or take what was offered (``take``)."""
    row, form, taken = mine(), LeaveForm(), request.form.get("take", "")
    if row is None or (row.ends_at is not None and not endings.at_once(row)):
        return redirect(url_for("billing.cancel"), 303)
    if not form.validate():
        return _page(row, form, 422)
    account_id = current_user.id
    shown = offers.fitting(account_id, row) if _reads() is not None else ()
    wish = Wish(reason=form.reason.data or "", comment=form.comment.data or "", shown=shown)
    if taken and taken not in shown:
        return _page(row, form, 422, _("That is not on offer any more. Nothing was changed."))
    try:
        said = _take(taken, account_id, row, int(form.months.data or 1), wish) if taken else _leave(row, wish)
    except NotOffered:
        db.session.rollback()
        return _page(mine(), form, 422, _("That is not on offer any more. Nothing was changed."))
    except TROUBLE as error:
        db.session.rollback()
        return _page(mine(), form, 503, _trouble(error))
    if said:
        flash(said, "success")
    db.session.commit()
    if taken and not said:
        return redirect(url_for("changes.plan"), 303)  # it waits for its payment: that page says until when, and leads to it
    return redirect(url_for("account.show" if taken else "billing.cancel"), 303)


@bp.post("/cancel/undo")
@limiter.limit("20/hour")
@signed_in
def undo() -> Any:
    """It renews again."""
    row = mine()
    if row is None:
        return redirect(url_for("billing.cancel"), 303)
    try:
        cancellations.undo(row.id, row.customer_id)  # trouble at Stripe: views/away.py says what is known, with her button once more
    except NotTheReaders:
        db.session.rollback()
        return redirect(url_for("billing.cancel"), 303)  # the page says whose doing it is
    flash(_("Your subscription renews again."), "success")
    db.session.commit()
    return redirect(url_for("account.show"), 303)


def _trouble(error: Exception) -> str:
    """What is known, and no more: was it refused, was it never asked, or does nobody know yet?"""
    if isinstance(error, gateway.GatewayRefused):
        if error.unknown:
            raise error  # views/away.py says so: there is nothing to try again
        return _("Stripe did not accept this. Nothing was changed. If it stays so, write to us.")
    if isinstance(error, gateway.NotAsked | LeaseBusy):
        return _("Stripe does not answer just now. Nothing was changed. Please try again in a minute.")
    return _(
        "Stripe does not answer just now, so we do not know yet whether it heard you. If it did, this page says so in a few minutes; or try again now."
    )


def _leave(row: Subscription, wish: Wish) -> str:
    """What to say of it; "" where the page says it: an end to come."""
    leave = cancellations.end_now if pauses.shuts_the_gate(row) else cancellations.schedule
    left = leave(row.id, row.customer_id, wish)
    return _("Your subscription has ended. Nothing more is charged.") if left is not None and left.ended_at is not None else ""


def _take(offer: str, account_id: int, row: Subscription, months: int, wish: Wish) -> str:
    """Do what she chose instead; the sentence that tells her so, "" if it waits for its payment."""
    subscription_id, customer_id = row.id, row.customer_id
    if offer == "free_month":
        offers.free_month(account_id, subscription_id, customer_id, wish)
        return _("Your next month is free.")
    if offer == "pause":
        offers.pause(subscription_id, customer_id, months, wish)
        return _("Your subscription is paused. Nothing is charged meanwhile.")
    changed = offers.to_yearly(subscription_id, customer_id, wish, request.form.get("as_of", ""))
    return "" if changed is None or changed.update_expires_at is not None else _("You pay by the year from now on.")


def _reads() -> Membership | None:
    """Her membership while it lets her read: not while her bank disputes what she paid. Then nothing is offered."""
    return checkout.standing_note(current_user.id)


def _page(row: Subscription | None, form: LeaveForm, status: int = 200, notice: str = "") -> tuple[str, int]:
    reads = _reads()
    shown = offers.fitting(current_user.id, row) if row is not None and reads is not None else ()
    # After a refusal it is left out: it is no offer without its sum, and Stripe may be what is in trouble.
    yearly = offers.yearly_quote(row) if row is not None and "yearly" in shown and status == 200 else None
    owed = row is not None and dunning.is_overdue(row.status, row.invoice_status)
    page = render_template(
        "billing/cancel.html",
        subscription=row,
        reads=reads is not None,
        until=min(filter(None, (reads.access_until, row.ends_at))) if row is not None and reads is not None and row.ends_at else None,
        overdue=money(row.invoice_amount or 0, row.currency) if row is not None and owed else "",
        at_once=row is not None and endings.at_once(row),
        ours=row is not None and endings.is_ours(row),
        form=form,
        offers=shown,
        yearly=yearly,
        notice=notice,
    )
    return page, status
