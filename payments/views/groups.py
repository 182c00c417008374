"""Groups: buying seats, the owner's page of who has one, and taking the seat that one was offered."""

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user
from werkzeug.wrappers import Response

from kit import clock
from kit.database import db
from kit.formats import money
from kit.limits import client_network, limiter
from kit.problems import Refused
from kit.settings import settings
from membership import sessions
from membership.guards import public, signed_in
from membership.views.pages import private
from payments import changes, gateway, groups, letters, plans, subscriptions
from payments.domain import groups as rules
from payments.domain.changes import NotNow
from payments.domain.typed import has_link
from payments.groups import Overview
from payments.leases import LeaseBusy, LeaseLost
from payments.models import Seat
from payments.views.checkout import buy
from payments.views.contribution_form import text_of

bp = Blueprint("groups", __name__)


def _went_on(response: Response) -> bool:
    """Whoever mistypes may try again as often as she needs: what reached Stripe, or tried to, is counted."""
    return response.status_code != 422


# --- buying -------------------------------------------------------------------------------------------------------------


@bp.get("/subscribe/group")
@public
def offer() -> Any:
    """The plans, for several readers. Who pays for a group already is sent to it; who subscribes makes hers one there."""
    if current_user.is_authenticated and subscriptions.of_account(current_user.id):
        return redirect(url_for("groups.show"), 303)
    return _offer(request.args.get("plan", ""), request.args.get("seats", "5"))


@bp.post("/subscribe/group")
@limiter.limit("20/hour;6/minute", deduct_when=_went_on)
@signed_in
def start() -> Any:
    """To Stripe, for so many seats of a plan."""
    typed, plan = request.form.get("seats", ""), request.form.get("plan", "")
    try:
        count = rules.seats(typed, _most())
    except Refused as refusal:
        return _offer(plan, typed, text_of(refusal.problems["seats"])), 422
    return buy(plan, count)


def _offer(plan: str, typed: str, problem: str = "") -> str:
    sold = plans.on_offer() if _most() >= rules.LEAST else []
    chosen = plan if any(one.key == plan for one in sold) else (sold[0].key if sold else "")
    values = {"offers": sold, "chosen": chosen, "typed": typed[:10], "problem": problem, "least": rules.LEAST, "most": _most()}
    return render_template("groups/offer.html", **values)


# --- the owner's page ---------------------------------------------------------------------------------------------------


@bp.get("/account/group")
@signed_in
def show() -> Any:
    """Her group: seats, who has one, and what she can do. Who subscribes for herself alone can make it a group."""
    mine, rows = groups.owned_by(current_user.id), subscriptions.of_account(current_user.id)
    row = mine.subscription if mine else (rows[0] if rows else None)
    changeable = row is not None and row.ends_at is None and row.update_expires_at is None and _most() >= rules.LEAST
    return _page(seat_due=_seat_due(row.id) if row is not None and changeable else None)


def _seat_due(subscription_id: str) -> int | None:
    """What one more seat costs today; None where it cannot be changed, or nobody can say."""
    db.session.rollback()  # no transaction stays open while Stripe is asked
    try:
        return changes.seat_due(subscription_id)
    except (NotNow, gateway.GatewayUnavailable, gateway.GatewayRefused):
        return None


@bp.post("/account/group/seats")
@limiter.limit("20/hour;6/minute", deduct_when=_went_on)
@signed_in
def resize() -> Any:
    """More seats, or fewer: Stripe bills the difference for the rest of the period."""
    typed, mine = request.form.get("seats", ""), groups.owned_by(current_user.id)
    rows = subscriptions.of_account(current_user.id)
    row = mine.subscription if mine else (rows[0] if rows else None)
    if row is None:
        abort(404)
    try:
        count = rules.seats(typed, max(_most(), row.quantity), mine.used if mine else 0)
    except Refused as refusal:
        return _page(seats_typed=typed, seats_problem=text_of(refusal.problems["seats"])), 422
    subscription_id, customer_id = row.id, row.customer_id
    db.session.rollback()  # no transaction stays open while Stripe is asked
    try:
        changed = changes.to_quantity(subscription_id, customer_id, count)
    except NotNow:
        db.session.rollback()
        return _page(
            seats_typed=typed, seats_problem=_("This cannot be changed as your subscription stands now. Look at your account.")
        ), 409
    except gateway.GatewayRefused:
        db.session.rollback()
        return _page(seats_typed=typed, seats_problem=_("Stripe did not take this. Look at your card and try again, or write to us.")), 422
    except (gateway.GatewayUnavailable, LeaseBusy, LeaseLost):
        db.session.rollback()
        return _page(seats_typed=typed, seats_problem=_("Stripe does not answer. Please press the button again in a moment.")), 503
    if changed is None or changed.update_expires_at is None:  # else the page says what it waits for, and where
        flash(ngettext("You pay for %(num)s seat now.", "You pay for %(num)s seats now.", count), "success")
    db.session.commit()
    return redirect(url_for("groups.show"), 303)


@bp.post("/account/group/invite")
@limiter.limit("60/hour")
@signed_in
def invite() -> Any:
    """Offer seats to people, by mail."""
    mine = _mine()
    if current_user.confirmed_at is None:
        return _page(emails_typed=request.form.get("emails", ""), emails_problem=_("Confirm your own address first: we wrote to you.")), 422
    try:
        count = groups.invite(mine, request.form.get("emails", ""))
    except Refused as refusal:
        db.session.rollback()
        return _page(emails_typed=request.form.get("emails", "")[:5000], emails_problem=text_of(refusal.problems["emails"])), 422
    flash(ngettext("%(num)s invitation is on its way.", "%(num)s invitations are on their way.", count), "success")
    db.session.commit()
    return redirect(url_for("groups.show"), 303)


@bp.post("/account/group/seats/<int:seat_id>/<any(send, revoke):what>")
@limiter.limit("60/hour")
@signed_in
def change_seat(seat_id: int, what: str) -> Any:
    """Send an invitation again, or take a seat back."""
    seat = groups.seat_of(_mine(), seat_id)
    if seat is None:
        abort(404)
    email = seat.email
    if what == "revoke":
        groups.revoke(seat)
        flash(_("%(email)s has no seat any more.", email=email), "success")
    elif groups.invite_again(seat):
        flash(_("Sent again to %(email)s. The link that was sent before is dead.", email=email), "success")
    db.session.commit()
    return redirect(url_for("groups.show"), 303)


@bp.post("/account/group/name")
@signed_in
def rename() -> Any:
    """How invitations call the group."""
    mine = _mine()
    name = " ".join(request.form.get("name", "").split())
    if len(name) > 100 or any(ord(letter) < 32 for letter in name):
        return _page(name_typed=name[:200], name_problem=_("Use at most 100 characters.")), 422
    if has_link(name):  # it goes into letters to people whom she names: none of them shall carry an address of hers
        return _page(name_typed=name, name_problem=_("Write the name without addresses of web pages or e-mail.")), 422
    groups.rename(mine.group, name)
    db.session.commit()
    return redirect(url_for("groups.show"), 303)


@bp.post("/account/group/leave")
@signed_in
def leave() -> Any:
    """Give one's own seat back."""
    groups.leave(sessions.reader())
    flash(_("You have left the group."), "success")
    db.session.commit()
    return redirect(url_for("account.show"), 303)


def _mine() -> Overview:
    return groups.owned_by(current_user.id) or abort(404)


def _page(**values: Any) -> str:
    mine = groups.owned_by(current_user.id)
    rows = subscriptions.of_account(current_user.id)
    single = rows[0] if rows and mine is None and rows[0].ends_at is None else None
    row = mine.subscription if mine else single
    each = (money(row.amount // row.quantity, row.currency), letters.every(row)) if row else None
    known = {"least": rules.LEAST, "most": _most(), "now": clock.now(), "single": single, "paying": row, "each": each}
    return render_template("groups/show.html", mine=mine, **known, **values)


# --- taking a seat ------------------------------------------------------------------------------------------------------


def _guessed(response: Response) -> bool:
    return response.status_code == 404


@bp.get("/group/join/<token>")
@limiter.limit("30/hour", key_func=client_network, deduct_when=_guessed)
@public
def join(token: str) -> Response:
    """Who offers the seat. Looking changes nothing: mail scanners open every link."""
    found = groups.by_token(token)
    if found is None:
        return _refused("unknown", 404)
    seat, group = found
    if current_user.is_authenticated and seat.account_id == current_user.id and seat.revoked_at is None:
        return private(render_template("groups/joined.html", group_name=groups.name_of(group)))
    if not _open(seat):
        return _refused("gone", 410)
    here = url_for("groups.join", token=token)
    return private(render_template("groups/join.html", group_name=groups.name_of(group), here=here, seat=seat))


@bp.post("/group/join/<token>")
@limiter.limit("30/hour", key_func=client_network, deduct_when=_guessed)
@public
def take(token: str) -> Any:
    """Take the seat: by whoever is signed in with an address that she proved, once."""
    here = url_for("groups.join", token=token)
    if not current_user.is_authenticated:
        return redirect(url_for("security.login", next=here), 303)
    if current_user.confirmed_at is None:
        return _refused("unproven", 403)
    said = groups.claim(token, sessions.reader())
    if said == "taken":
        db.session.commit()
        return redirect(here, 303)
    db.session.rollback()
    return _refused(said, {"unknown": 404, "gone": 410, "over": 410}.get(said, 409))


def _refused(why: str, status: int) -> Response:
    answer = private(render_template("groups/refused.html", why=why))
    answer.status_code = status
    return answer


def _open(seat: Seat) -> bool:
    return seat.claimed_at is None and seat.revoked_at is None and seat.expires_at > clock.now()


def _most() -> int:
    """How many seats may be bought here; 0 where groups are not sold."""
    return settings()["GROUP_MOST_SEATS"]
