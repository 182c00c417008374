"""Gifts: the form, the way to Stripe's Checkout and back, and the buyer's own page of what she gave."""

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from kit import clock, formats
from kit.database import begin_write, db
from kit.limits import client_network, limiter
from kit.problems import Refused
from kit.urls import public_url
from membership.guards import public
from membership.views.pages import private
from payments import gift_promises, gifts
from payments.domain import gifts as rules
from payments.models import Gift
from payments.views import guests
from payments.views.contribution_form import show_problems
from payments.views.gift_form import GiftForm, RecipientForm, fresh, submitted

bp = Blueprint("gifts", __name__, url_prefix="/gift")
MINE = "gift"  # in the session: the intent that this browser sent to Checkout


@bp.get("")
@public
def form() -> str:
    """The form; with ``again``, as this browser had filled it in before it went to Checkout and turned round."""
    before = _mine() if request.args.get("again") else None
    return _page(fresh(gifts.on_sale(), _today(), before))


@bp.post("/checkout")
@guests.few_sessions
@public
def start() -> Any:
    """To Stripe with her wish, which is committed before Stripe is asked: whatever happens, asking again asks the same."""
    guests.each_field_once()
    filled = submitted(gifts.on_sale())
    try:
        accepted = rules.accept(filled.said(), gifts.on_sale(), _today())
    except Refused as refusal:
        show_problems(filled, refusal)
        return _page(filled), 422
    asked = gift_promises.begin(accepted, account=guests.account(), attempt=filled.attempt.data or "")
    params = gift_promises.session_terms(asked.id)
    db.session.commit()
    session[MINE] = asked.id
    return guests.to_checkout(asked, params, thanks="gifts.thanks", page=lambda trouble: _page(filled, trouble=trouble))


@bp.get("/thanks")
@public
def thanks() -> Any:
    """Back from Stripe. The gift's page is shown to the browser that paid, and to nobody else who has this address."""
    begin_write()
    found = _mine()
    intent = guests.came_for(found)
    if intent is None:
        return render_template("gifts/thanks.html", gift=None)
    if guests.turned_round(found, intent):
        return redirect(url_for("gifts.form", again=1), 303)
    found = _mine()
    if found is not None and found.paid_at is not None:
        return redirect(url_for("gifts.given", public_id=found.public_id, thanks=1), 303)
    return render_template("gifts/thanks.html", gift=found)


# --- the buyer's page ---------------------------------------------------------------------------------------------------


@bp.get("/given/<public_id>")
@public
def given(public_id: str) -> Response:
    """Who has the address may see it: guests have no account to sign in to."""
    return _given(_paid(public_id))


@bp.get("/given/<public_id>/card")
@public
def card(public_id: str) -> Response:
    """A card with the code, to print and to hand over."""
    gift = _paid(public_id)
    if rules.state(gift, clock.now()) not in ("paid", "delivered"):
        return private(redirect(url_for("gifts.given", public_id=public_id), 303))
    return private(render_template("gifts/card.html", gift=gift, code=rules.spoken(gift.code), address=public_url("gifts.enter")))


@bp.post("/given/<public_id>/send")
@limiter.limit("5/day")
@limiter.limit("3/day", key_func=lambda: f"gift:{(request.view_args or {}).get('public_id')}")
@public
def send(public_id: str) -> Any:
    """Mail it to the recipient once more."""
    gift = _paid(public_id)
    if gifts.send_again(gift):
        flash(_("Sent again to %(email)s.", email=gift.recipient_email), "success")
    db.session.commit()
    return redirect(url_for("gifts.given", public_id=public_id), 303)


@bp.post("/given/<public_id>/recipient")
@limiter.limit("20/day")
@limiter.limit("5/day", key_func=lambda: f"gift:{(request.view_args or {}).get('public_id')}", deduct_when=guests.went_to_stripe)
@public
def readdress(public_id: str) -> Any:
    """The address was mistyped: send it to another."""
    gift, filled = _paid(public_id), RecipientForm()
    try:
        to = rules.recipient({name: filled[name].data or "" for name in ("recipient_email", "recipient_name")})
    except Refused as refusal:
        show_problems(filled, refusal)
        answer = _given(gift, filled)
        answer.status_code = 422
        return answer
    if gifts.readdress(gift, to):
        flash(_("The gift is for %(email)s now.", email=to.email), "success")
    db.session.commit()
    return redirect(url_for("gifts.given", public_id=public_id), 303)


def _given(gift: Gift, filled: RecipientForm | None = None) -> Response:
    filled = filled or RecipientForm(formdata=None, recipient_email=gift.recipient_email, recipient_name=gift.recipient_name)
    state = rules.state(gift, clock.now())
    page = render_template(
        "gifts/given.html",
        gift=gift,
        state=state,
        title=gifts.title(gift),
        form=filled,
        code=rules.spoken(gift.code),
        address=public_url("gifts.redeem", code=gift.code),
        thanks=request.args.get("thanks"),
    )
    return private(page)


def _paid(public_id: str) -> Gift:
    gift = gifts.by_public_id(public_id)
    return gift if gift is not None and gift.paid_at is not None else abort(404)


# --- the recipient's ----------------------------------------------------------------------------------------------------


def _guessed(response: Response) -> bool:
    return response.status_code == 404


@bp.get("/redeem")
@public
def enter() -> Any:
    """Where a code is typed from a card."""
    typed = request.args.get("code", "")
    if not typed:
        return render_template("gifts/enter.html", typed="", problem="")
    code = rules.code_of(typed)
    if not code:
        return private(render_template("gifts/enter.html", typed=typed[:100], problem="shape")), 422
    return private(redirect(url_for("gifts.redeem", code=code), 303))


@bp.get("/redeem/<code>")
@limiter.limit("30/hour", key_func=client_network, deduct_when=_guessed)
@public
def redeem(code: str) -> Any:
    """Whom it is from and what it is. Looking changes nothing: mail scanners open every link."""
    gift = gifts.by_code(code)
    return _unwrapped(gift, rules.state(gift, clock.now()) if gift else None)


@bp.post("/redeem/<code>")
@limiter.limit("30/hour", key_func=client_network, deduct_when=_guessed)
@public
def unwrap(code: str) -> Any:
    """Take it: by whoever is signed in, once."""
    account = guests.account()
    if account is None:
        return redirect(url_for("security.login", next=url_for("gifts.redeem", code=code)), 303)
    before = gifts.redeem(code, account)
    if before in ("paid", "delivered"):
        db.session.commit()
        return redirect(url_for("gifts.redeem", code=code), 303)
    db.session.rollback()
    return _unwrapped(gifts.by_code(code), before)


STATUS = {"expired": 410, "void": 410, "redeemed": 409}


def _unwrapped(gift: Gift | None, state: rules.State | None) -> Response:
    """The gift to take, the one that she took, or why it cannot be taken: each a page of its own."""
    if gift is None or state is None:
        answer = private(render_template("gifts/refused.html", state="unknown"))
        answer.status_code = 404
        return answer
    account = guests.account()
    if state == "redeemed" and account is not None and gift.redeemed_by == account.id:
        return private(render_template("gifts/redeemed.html", gift=gift, waits=(gift.access_from or clock.now()) > clock.now()))
    if state in STATUS:
        answer = private(render_template("gifts/refused.html", state=state, gift=gift))
        answer.status_code = STATUS[state]
        return answer
    return private(render_template("gifts/redeem.html", gift=gift, here=url_for("gifts.redeem", code=gift.code)))


# --- parts --------------------------------------------------------------------------------------------------------------


def _mine() -> Gift | None:
    """What this browser last took to Checkout."""
    intent_id = session.get(MINE)
    return gifts.of_intent(str(intent_id)) if intent_id else None


def _today() -> Any:
    return formats.local(clock.now()).date()


def _page(filled: GiftForm, **values: Any) -> str:
    today = _today()
    on_sale = gifts.on_sale()
    return render_template("gifts/gift.html", form=filled, on_sale=on_sale, today=today, last_day=rules.last_day(today), **values)
