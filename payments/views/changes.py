"""Her plan and her pause: what another plan would cost and when it begins, taking a waiting change back, pausing, going on."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user

from kit.database import db
from kit.formats import date_text
from kit.limits import limiter
from membership import memberships
from membership.guards import signed_in
from payments import changes, endings, gateway, pauses, plans
from payments.domain.changes import NotNow, Terms
from payments.domain.reconciliation import SIMULATED_PART
from payments.models import Subscription
from payments.views.billing import mine

bp = Blueprint("changes", __name__, url_prefix="/account")


@bp.get("/plan")
@limiter.limit("60/hour")
@signed_in
def plan() -> Any:
    """Her plan, the others with what each would cost now, and a change that waits."""
    row = mine()
    if row is None:
        return redirect(url_for("checkout.subscribe"), 303)
    return _plan_page(row)


@bp.post("/plan")
@limiter.limit("20/hour")
@signed_in
def choose() -> Any:
    """Change to another plan, at the sum that she was shown."""
    row, wanted = mine(), plans.named(request.form.get("plan", ""))
    if row is None:
        return redirect(url_for("checkout.subscribe"), 303)
    if wanted is None or wanted.price_id is None:
        return _plan_page(row, "gone", 422)
    name, ask = wanted.name, (row.id, row.customer_id, wanted.price_id, Terms(wanted.interval, wanted.unit_amount))
    db.session.rollback()
    try:
        changed = changes.switch(*ask, as_of=request.form.get("as_of", ""))
    except NotNow:
        db.session.rollback()
        return redirect(url_for("changes.plan"), 303)  # the page says why
    except gateway.GatewayRefused:
        db.session.rollback()
        return _plan_page(row, "refused", 422)
    if changed is not None:
        _say(changed, name)
    db.session.commit()
    return redirect(url_for("changes.plan"), 303)


def _say(row: Subscription, name: str) -> None:
    if row.update_expires_at is not None:
        return  # the page says what it waits for, and where
    if row.next_at is not None:
        flash(_("Noted: from %(day)s on your plan is %(plan)s.", day=date_text(row.next_at), plan=name), "success")
    else:
        flash(_("Done: your plan is %(plan)s now.", plan=name), "success")


@bp.post("/plan/withdraw")
@limiter.limit("20/hour")
@signed_in
def withdraw() -> Any:
    """Take back the change that waits."""
    return _do(changes.withdraw, _("Taken back: your plan stays as it is."), "changes.plan")


@bp.get("/pause")
@signed_in
def pause() -> Any:
    """Pause for some months; or, while it is paused, the one button to go on."""
    row = mine()
    if row is None:
        return redirect(url_for("checkout.subscribe"), 303)
    return _pause_page(row)


@bp.post("/pause")
@limiter.limit("20/hour")
@signed_in
def begin_pause() -> Any:
    """Charge nothing for ``months`` after what is paid."""
    row = mine()
    if row is None:
        return redirect(url_for("checkout.subscribe"), 303)
    until = dict(pauses.choices(row)).get(request.form.get("months", 0, type=int))
    if until is None:
        return _pause_page(row, "choose", 422)
    return _do(
        lambda *ids: pauses.pause(*ids, until=until), _("Your subscription is paused until %(day)s.", day=date_text(until)), "changes.pause"
    )


@bp.post("/pause/resume")
@limiter.limit("20/hour")
@signed_in
def resume() -> Any:
    """It goes on now."""
    return _do(pauses.resume, _("Your subscription goes on."), "account.show")


def _do(verb: Any, words: str, back: str) -> Any:
    row = mine()
    if row is None:
        return redirect(url_for("checkout.subscribe"), 303)
    ids = row.id, row.customer_id
    db.session.rollback()
    try:
        verb(*ids)
    except NotNow:
        db.session.rollback()
        return redirect(url_for(back), 303)
    except gateway.GatewayRefused:
        db.session.rollback()
        flash(_("Stripe refused this, most likely because of the card. Nothing was changed."), "error")
        return redirect(url_for("account.show"), 303)
    flash(words, "success")
    db.session.commit()
    return redirect(url_for(back), 303)


def _plan_page(row: Subscription, problem: str = "", status: int = 200) -> Any:
    offers, subscription_id, key = plans.on_offer(), row.id, row.plan_key
    price_ids = plans.price_ids()
    db.session.rollback()  # no transaction stays open while Stripe is asked
    reason, quotes = "", []
    try:
        quotes = changes.quotes(subscription_id, key, offers, price_ids)
    except NotNow as error:
        reason = error.reason
    page = render_template(
        "billing/plan.html",
        subscription=row,
        plan=plans.of_key(key),
        coming=plans.of_key(row.next_plan_key),
        quotes=quotes,
        reason=reason,
        ended_by_us=endings.is_ours(row),
        problem=problem,
        simulated=SIMULATED_PART in row.id,
    )
    return page, status


def _pause_page(row: Subscription, problem: str = "", status: int = 200) -> Any:
    sources = memberships.standing_of(current_user.id).snapshots
    shut = any(one.source_id == row.id and one.status == "paused" for one in sources)
    return render_template("billing/pause.html", subscription=row, choices=pauses.choices(row), shut=shut, problem=problem), status
