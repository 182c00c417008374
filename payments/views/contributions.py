"""Contributing: the form, the way to Stripe's Checkout, and the way back. Guests are as welcome as members."""

from typing import Any

from babel import numbers
from flask import Blueprint, redirect, render_template, request, session, url_for
from flask_babel import get_locale
from sqlalchemy import select
from werkzeug.wrappers import Response

from kit.database import begin_write, db
from kit.problems import Refused
from membership.guards import public
from payments import promises, raised
from payments.domain import contributions as rules
from payments.models import Contribution
from payments.views import guests
from payments.views.contribution_form import ContributionForm, fresh, show_problems, submitted

bp = Blueprint("contributions", __name__)
MINE = "contribution"  # in the session: the intent that this browser sent to Checkout


@bp.get("/contribute")
@public
def contribute() -> str:
    """The form; with ``again``, as this browser had filled it in before it went to Checkout and turned round."""
    before = _mine() if request.args.get("again") else None
    return _page(fresh(promises.terms(), before))


@bp.post("/contribute/checkout")
@guests.few_sessions
@public
def start() -> Any:
    """To Stripe with her wish, which is committed before Stripe is asked: whatever happens, asking again asks the same."""
    guests.each_field_once()
    terms = promises.terms()
    form = submitted(terms)
    try:
        accepted = rules.accept(form.said(), terms)
    except Refused as refusal:
        show_problems(form, refusal)
        return _page(form), 422
    asked = promises.begin(
        accepted, account=guests.account(), attempt=form.attempt.data or "", attribution={"article": form.source.data or ""}
    )
    params = promises.session_terms(asked.id)
    db.session.commit()
    session[MINE] = asked.id
    return guests.to_checkout(asked, params, thanks="contributions.thanks", page=lambda trouble: _page(form, trouble=trouble))


@bp.get("/contribute/thanks")
@public
def thanks() -> Response | str:
    """Back from Stripe. What was paid is told to the browser that paid, and to nobody else who has the address."""
    begin_write()
    found = _mine()
    intent = guests.came_for(found)
    if intent is None:
        return render_template("contributions/thanks.html", contribution=None)
    if guests.turned_round(found, intent):
        return redirect(url_for("contributions.contribute", again=1), 303)
    return render_template("contributions/thanks.html", contribution=_mine())


def _mine() -> Contribution | None:
    """What this browser last took to Checkout."""
    intent_id = session.get(MINE)
    return db.session.scalars(select(Contribution).where(Contribution.intent_id == str(intent_id))).one_or_none() if intent_id else None


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
