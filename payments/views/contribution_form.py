"""The contribution form. What is right is decided by domain/contributions.accept; the form carries it and its problems."""

import re
import secrets
from typing import Any

from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import BooleanField, EmailField, HiddenField, RadioField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice

from kit.currencies import major
from kit.formats import money
from kit.problems import Refused
from payments.domain.amounts import Money
from payments.domain.contributions import Terms
from payments.models import Contribution

TYPED = ("suggested", "amount", "frequency", "email", "name", "message", "dedication_kind", "dedication")
TICKED = ("cover_fee", "anonymous", "publish")


def _choices(**labels: Any) -> list[SelectChoice]:
    return [SelectChoice(value, label) for value, label in labels.items()]


class ContributionForm(FlaskForm):
    """Fields by the names that domain/contributions.accept reads."""

    frequency = RadioField(_l("How often"), choices=_choices(once=_l("Once"), month=_l("Every month")), validate_choice=False)
    suggested = RadioField(_l("How much"), choices=[], validate_choice=False)
    amount = StringField(_l("Or your own amount"))
    cover_fee = BooleanField(_l("Cover the payment fee too"))
    name = StringField(_l("Your name"), description=_l("May be left empty."))
    anonymous = BooleanField(_l("Do not show my name"), description=_l("Nobody but our bookkeeping learns who you are."))
    dedication_kind = RadioField(
        _l("Dedicate it to somebody?"),
        choices=_choices(**{"": _l("No"), "memory": _l("In memory of"), "honour": _l("In honour of")}),
        default="",
        validate_choice=False,
    )
    dedication = StringField(_l("Whose name?"), description=_l("It stands on your receipt. We write to nobody about it."))
    publish = BooleanField(
        _l("You may thank me in public"),
        description=_l(
            "My name, my message and the dedication may stand on the page of thanks, once an editor has read them. Never the amount or my address."
        ),
    )
    email = EmailField(_l("Your e-mail address"), description=_l("The receipt goes there. Nothing else does."))
    message = TextAreaField(_l("A message to the newsroom"), description=_l("May be left empty. 500 characters at most."))
    attempt = HiddenField()
    source = HiddenField(name="from")

    def said(self) -> dict[str, str]:
        """What was typed, by field; a box that is not ticked is ""."""
        ticked = {name: "y" if self[name].data else "" for name in TICKED}
        return {**{name: self[name].data or "" for name in TYPED}, **ticked}


def fresh(terms: Terms, before: Contribution | None = None) -> ContributionForm:
    """The form as it is first shown: with what she chose ``before`` when she comes back from Checkout."""
    form = ContributionForm(**(_chosen_before(before, terms) if before else _first_choice(terms)))
    form.attempt.data = secrets.token_hex(16)
    form.source.data = article_slug(request.args.get("from", ""))
    return _with_choices(form, terms)


def submitted(terms: Terms) -> ContributionForm:
    """The form as it was sent. Its attempt is kept if it looks like ours, so that a second click is the same wish."""
    form = _with_choices(ContributionForm(), terms)
    if not re.fullmatch(r"[0-9a-f]{32}", form.attempt.data or ""):
        form.attempt.data = secrets.token_hex(16)
    form.source.data = article_slug(form.source.data or "")
    return form


def article_slug(typed: str) -> str:
    """Which article asked her, if that is a slug at all."""
    return typed if re.fullmatch(r"[a-z0-9-]{1,200}", typed, re.ASCII) else ""


def show_problems(form: FlaskForm, refusal: Refused) -> None:
    """Put each problem at its field, with amounts as the reader's locale writes them."""
    for name, problem in refusal.problems.items():
        form[name].errors = [*form[name].errors, text_of(problem)]


def text_of(problem: Any) -> str:
    """A problem as a sentence in the reader's language."""
    values = {name: money(value.amount, value.currency) if isinstance(value, Money) else value for name, value in problem.values}
    return _(problem.text, **values)


def _with_choices(form: ContributionForm, terms: Terms) -> ContributionForm:
    form.suggested.choices = [SelectChoice(str(amount), money(amount, terms.currency)) for amount in terms.suggested]
    return form


def _first_choice(terms: Terms) -> dict[str, Any]:
    reader = {"email": current_user.email, "name": current_user.name} if current_user.is_authenticated else {}
    middle = str(terms.suggested[len(terms.suggested) // 2]) if terms.suggested else ""
    return {"frequency": "once", "suggested": middle, **reader}


def _chosen_before(before: Contribution, terms: Terms) -> dict[str, Any]:
    offered = before.amount in terms.suggested
    return {
        "frequency": before.frequency,
        "suggested": str(before.amount) if offered else "",
        "amount": "" if offered else str(major(before.amount, before.currency)),
        "cover_fee": before.fee_cover > 0,
        "name": before.name,
        "anonymous": before.anonymous,
        "email": before.email,
        "message": before.message,
        "dedication_kind": before.dedication_kind,
        "dedication": before.dedication,
        "publish": before.consented_at is not None,
    }
