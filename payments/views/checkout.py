"""Subscribing: the plans, the way to Stripe's Checkout, and the way back."""

from dataclasses import replace
from typing import Any

from flask import Blueprint, current_app, redirect, render_template, request, session, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from kit.database import begin_write, db
from kit.limits import limiter
from membership.guards import public, signed_in
from payments import checkout, gateway, intents, plans, subscriptions, trials
from payments.intents import Asked
from payments.leases import LeaseBusy, LeaseLost
from payments.views.contribution_form import article_slug

bp = Blueprint("checkout", __name__)
PATIENCE = 2.0  # seconds that the page waits for a worker who looks at the same Customer


@bp.get("/subscribe")
@public
def subscribe() -> str:
    """The plans on sale, by level; a member is told that she is one. ``plan``: what she chose before she made her account."""
    mine = subscriptions.of_account(current_user.id) if current_user.is_authenticated else []
    reads = bool(mine) and checkout.standing_note(current_user.id) is not None
    reading = article_slug(request.args.get("from", ""))
    return _page(mine=mine[0] if mine else None, reads=reads, chosen=request.args.get("plan"), reading=reading)


@bp.post("/subscribe/checkout")
@limiter.limit("20/hour;6/minute")
@signed_in
def start() -> Any:
    """To Stripe with her wish, which is committed before Stripe is asked: whatever happens, asking again asks the same."""
    session["reading"] = article_slug(request.form.get("from", ""))  # where she goes on when she has paid
    return buy(request.form.get("plan", ""))


def buy(plan_key: str, seats: int = 1) -> Any:
    """To Stripe for this plan, for herself or (``seats``) a group: the door here and the group's."""
    account_id = current_user.id
    try:
        asked = checkout.intend(account_id, plan_key, seats)
        db.session.commit()
        if asked.session_id or (asked.plan_key, asked.seats) != (plan_key, seats):
            asked = _again(account_id, asked, plan_key, seats)
        made = _session(account_id, asked)
        if not _kept(asked, made):
            return redirect(url_for("checkout.subscribe"), 303)
    except checkout.NotOnSale:
        db.session.rollback()
        return _page(problem="gone"), 422
    except checkout.AlreadyMember:
        db.session.rollback()
        return redirect(url_for("checkout.subscribe"), 303)
    except checkout.PaidMeanwhile as paid:
        return redirect(url_for("checkout.thanks", session_id=paid.session_id), 303)
    except gateway.GatewayUnavailable:
        return _page(problem="away"), 503
    except gateway.GatewayRefused:
        return _page(problem="refused"), 502
    return redirect(made["url"], 303)


def _kept(asked: Asked, made: dict[str, Any]) -> bool:
    """Note what Stripe answered. If another tab chose another plan meanwhile, this Session ends: only one may be paid."""
    stands = intents.answered(asked.id, made)
    db.session.commit()
    if not stands:
        checkout.close(replace(asked, session_id=made["id"]))
    return stands


def _again(account_id: int, asked: Asked, plan_key: str, seats: int) -> Asked:
    """She has an open wish: keep it if it is the same and alive, else close it and begin the new one."""
    state = checkout.still_open(asked)
    if state == "complete":
        raise checkout.PaidMeanwhile(asked.session_id or "")
    if state in ("open", "new") and (asked.plan_key, asked.seats) == (plan_key, seats) and _same_words(account_id, asked):
        return asked
    if state == "open":
        checkout.close(asked)
    fresh = checkout.replace(account_id, asked, plan_key, seats)
    db.session.commit()
    return fresh if (fresh.plan_key, fresh.seats) == (plan_key, seats) else _again(account_id, fresh, plan_key, seats)


def _same_words(account_id: int, asked: Asked) -> bool:
    same = checkout.as_before(account_id, asked)
    db.session.rollback()
    return same


def _session(account_id: int, asked: Asked) -> dict[str, Any]:
    """The Session of this wish: made now, or (by the same key) the one that was made before."""
    if asked.session_id and asked.session_url:
        return {"id": asked.session_id, "url": asked.session_url}
    try:
        return checkout.ask(account_id, asked)
    except (gateway.GatewayUnavailable, gateway.GatewayRefused) as error:
        # No answer: the Session may exist, so the next try asks with the same key. A refusal ends this wish.
        intents.finish(asked.id, "unknown" if isinstance(error, gateway.GatewayUnavailable) else "failed")
        db.session.commit()
        raise


@bp.get("/subscribe/thanks")
@signed_in
def thanks() -> Response | str | tuple[str, int]:
    """Back from Stripe: the same look that the webhook causes, so that she can read at once, whichever comes first."""
    begin_write()
    account_id, session_id = current_user.id, request.args.get("session_id", "")
    intent = intents.of_session(session_id, account_id)
    if intent is None:
        return render_template("checkout/unknown.html"), 404
    unsure = False
    if intent.state != "complete" or not checkout.standing_note(account_id):
        try:
            checkout.sync(session_id, patience=PATIENCE)
            db.session.commit()
        except (LeaseBusy, LeaseLost, gateway.GatewayUnavailable, gateway.GatewayRefused):
            db.session.rollback()  # the webhook will bring it; the page says so and looks again
            unsure = True
    return _thanks(account_id, session_id, unsure)


def _thanks(account_id: int, session_id: str, unsure: bool) -> Response | str:
    intent = intents.of_session(session_id, account_id)
    if intent is not None and intent.state in ("open", "expired", "failed") and not unsure:
        return redirect(url_for("checkout.subscribe"), 303)  # she came back without paying
    free_until = next((row.trial_end for row in subscriptions.of_account(account_id) if row.status == "trialing"), None)
    seats, slug = intent.seats if intent is not None else 1, article_slug(session.get("reading", ""))
    reading = url_for("articles.show", slug=slug) if slug and "articles.show" in current_app.view_functions else ""
    note = checkout.standing_note(account_id)
    return render_template("checkout/thanks.html", membership=note, free_until=free_until, seats=seats, reading=reading)


def _page(**values: Any) -> str:
    offers = plans.on_offer()
    levels = list(dict.fromkeys(offer.level for offer in offers))
    known = current_user.is_authenticated
    given_until = trials.given_until(current_user.id) if known else None
    # To a stranger the trial is shown; whether she has had one is known when she has signed in.
    values |= {"given_until": given_until, "may_try": given_until is None and (not known or trials.may_try(current_user.id))}
    return render_template(
        "checkout/subscribe.html", levels=[(level, [o for o in offers if o.level == level]) for level in levels], **values
    )
