"""Subscribing: the plans, the way to Stripe's Checkout, and the way back."""

from dataclasses import replace
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from kit.database import begin_write, db
from kit.limits import limiter
from membership.guards import public, signed_in
from payments import checkout, gateway, intents, plans, subscriptions
from payments.intents import Asked
from payments.leases import LeaseBusy, LeaseLost

bp = Blueprint("checkout", __name__)
PATIENCE = 2.0  # seconds that the page waits for a worker who looks at the same Customer


@bp.get("/subscribe")
@public
def subscribe() -> str:
    """The plans on sale, by level; a member is told that she is one. ``plan``: what she chose before she made her account."""
    mine = subscriptions.of_account(current_user.id) if current_user.is_authenticated else []
    return _page(mine=mine[0] if mine else None, chosen=request.args.get("plan"))


@bp.post("/subscribe/checkout")
@limiter.limit("20/hour;6/minute")
@signed_in
def start() -> Any:
    """To Stripe with her wish, which is committed before Stripe is asked: whatever happens, asking again asks the same."""
    account_id, plan_key = current_user.id, request.form.get("plan", "")
    try:
        asked = checkout.intend(account_id, plan_key)
        db.session.commit()
        if asked.session_id or asked.plan_key != plan_key:
            asked = _again(account_id, asked, plan_key)
        session = _session(account_id, asked)
        if not _kept(asked, session):
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
    return redirect(session["url"], 303)


def _kept(asked: Asked, session: dict[str, Any]) -> bool:
    """Note what Stripe answered. If another tab chose another plan meanwhile, this Session ends: only one may be paid."""
    stands = intents.answered(asked.id, session)
    db.session.commit()
    if not stands:
        checkout.close(replace(asked, session_id=session["id"]))
    return stands


def _again(account_id: int, asked: Asked, plan_key: str) -> Asked:
    """She has an open wish: keep it if it is the same and alive, else close it and begin the new one."""
    state = checkout.still_open(asked)
    if state == "complete":
        raise checkout.PaidMeanwhile(asked.session_id or "")
    if state in ("open", "new") and asked.plan_key == plan_key:
        return asked
    if state == "open":
        checkout.close(asked)
    fresh = checkout.replace(account_id, asked, plan_key)
    db.session.commit()
    return fresh if fresh.plan_key == plan_key else _again(account_id, fresh, plan_key)


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
    if intent.state != "complete" or not checkout.standing_note(account_id):
        try:
            checkout.sync(session_id, checkout.lease_key(account_id, session_id), patience=PATIENCE)
            db.session.commit()
        except (LeaseBusy, LeaseLost, gateway.GatewayUnavailable):
            db.session.rollback()  # the webhook will bring it; the page says so and looks again
    return _thanks(account_id, session_id)


def _thanks(account_id: int, session_id: str) -> Response | str:
    intent = intents.of_session(session_id, account_id)
    if intent is not None and intent.state in ("open", "expired", "failed"):
        return redirect(url_for("checkout.subscribe"), 303)  # she came back without paying
    return render_template("checkout/thanks.html", membership=checkout.standing_note(account_id))


def _page(**values: Any) -> str:
    offers = plans.on_offer()
    levels = list(dict.fromkeys(offer.level for offer in offers))
    return render_template(
        "checkout/subscribe.html", levels=[(level, [o for o in offers if o.level == level]) for level in levels], **values
    )
