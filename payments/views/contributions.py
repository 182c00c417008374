"""Contributing: the form, the way to Stripe's Checkout, and the way back. Guests are as welcome as members."""

from typing import Any

from babel import numbers
from flask import Blueprint, abort, redirect, render_template, request, session, url_for
from flask_babel import get_locale
from flask_login import current_user
from sqlalchemy import select
from werkzeug.wrappers import Response

from kit.database import begin_write, db
from kit.limits import client_network, form_email, limiter
from kit.problems import Refused
from membership.guards import public
from membership.models import Account
from payments import arrivals, gateway, intents, promises, raised
from payments.domain import contributions as rules
from payments.intents import Asked
from payments.leases import LeaseBusy, LeaseLost
from payments.models import CheckoutIntent, Contribution
from payments.views.contribution_form import ContributionForm, fresh, show_problems, submitted

bp = Blueprint("contributions", __name__)
PATIENCE = 2.0  # seconds that the page waits for a worker who looks at the same payment
MINE = "contribution"  # in the session: the intent that this browser sent to Checkout


def _everybody() -> str:
    return "everybody"


def _went_to_stripe(response: Response) -> bool:
    """Only a Session at Stripe counts: somebody who mistypes an amount ten times is no card tester (safety M06)."""
    return response.status_code == 303


@bp.get("/contribute")
@public
def contribute() -> str:
    """The form; with ``again``, as this browser had filled it in before it went to Checkout and turned round."""
    before = _mine() if request.args.get("again") else None
    return _page(fresh(promises.terms(), before))


@bp.post("/contribute/checkout")
@limiter.limit("300/hour", key_func=_everybody, deduct_when=_went_to_stripe)
@limiter.limit("20/hour", key_func=client_network, deduct_when=_went_to_stripe)
@limiter.limit("10/hour", key_func=form_email, deduct_when=_went_to_stripe)
@public
def start() -> Any:
    """To Stripe with her wish, which is committed before Stripe is asked: whatever happens, asking again asks the same."""
    if any(len(values) > 1 for _name, values in request.form.lists()):
        abort(400)  # a field sent twice: which of the two would she have meant?
    terms = promises.terms()
    form = submitted(terms)
    try:
        accepted = rules.accept(form.said(), terms)
    except Refused as refusal:
        show_problems(form, refusal)
        return _page(form), 422
    asked = promises.begin(accepted, account=_account(), attempt=form.attempt.data or "", attribution={"article": form.source.data or ""})
    params = promises.session_terms(asked.id)
    db.session.commit()
    session[MINE] = asked.id
    return _to_checkout(form, asked, params)


def _to_checkout(form: ContributionForm, asked: Asked, params: dict[str, Any]) -> Any:
    if asked.state == "complete":
        return redirect(url_for("contributions.thanks", session_id=asked.session_id), 303)
    if asked.session_url:
        return redirect(asked.session_url, 303)
    try:
        made = gateway.create_checkout_session(params, asked.key)
    except (gateway.GatewayUnavailable, gateway.GatewayRefused) as error:
        # No answer: the Session may exist, so the next try asks with the same key. A refusal ends this wish.
        away = isinstance(error, gateway.GatewayUnavailable)
        intents.finish(asked.id, "unknown" if away else "failed")
        db.session.commit()
        return _page(form, trouble="away" if away else "refused"), 503 if away else 422
    intents.answered(asked.id, made)
    db.session.commit()
    return redirect(made["url"], 303)


@bp.get("/contribute/thanks")
@public
def thanks() -> Response | str:
    """Back from Stripe. What was paid is told to the browser that paid, and to nobody else who has the address."""
    begin_write()
    found = _mine()
    intent = db.session.get(CheckoutIntent, found.intent_id) if found else None
    if found is None or intent is None or intent.session_id != request.args.get("session_id"):
        return render_template("contributions/thanks.html", contribution=None)
    unsure = False
    if found.status == "pending":
        try:
            arrivals.sync(intent.session_id or "", patience=PATIENCE)
            db.session.commit()
        except (LeaseBusy, LeaseLost, gateway.GatewayUnavailable, gateway.GatewayRefused):
            db.session.rollback()  # the webhook will bring it; the page says that the receipt follows
            unsure = True
    found, intent = _mine(), db.session.get(CheckoutIntent, intent.id)
    if intent is not None and intent.state in ("open", "expired") and not unsure:
        return redirect(url_for("contributions.contribute", again=1), 303)  # she came back without paying
    return render_template("contributions/thanks.html", contribution=found)


def _mine() -> Contribution | None:
    """What this browser last took to Checkout."""
    intent_id = session.get(MINE)
    return db.session.scalars(select(Contribution).where(Contribution.intent_id == str(intent_id))).one_or_none() if intent_id else None


def _account() -> Account | None:
    return current_user._get_current_object() if current_user.is_authenticated else None


def _page(form: ContributionForm, **values: Any) -> str:
    terms = promises.terms()
    symbol = numbers.get_currency_symbol(terms.currency.upper(), locale=str(get_locale() or "en_US"))
    rate = numbers.format_percent(terms.tariff.rate / 10_000, "#,##0.##%", locale=str(get_locale() or "en_US"))
    return render_template(
        "contributions/contribute.html",
        form=form,
        terms=terms,
        symbol=symbol,
        fee_rate=rate,
        progress=raised.this_month(),
        rule=raised.RULE,
        **values,
    )
