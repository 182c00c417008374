"""The forms of a gift. What is right is decided by domain/gifts.py; the forms carry it and its problems."""

import re
import secrets
from collections.abc import Sequence
from typing import Any

from flask_babel import lazy_gettext as _l
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import EmailField, HiddenField, RadioField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice

from kit.formats import local, money
from payments.domain.gifts import Offer
from payments.models import Gift

TYPED = ("offer", "recipient_email", "recipient_name", "email", "name", "message")


class RecipientForm(FlaskForm):
    """Whom it is for."""

    recipient_name = StringField(_l("The recipient’s name"), description=_l("As you would write it on a card. May be left empty."))
    recipient_email = EmailField(_l("The recipient’s e-mail address"), description=_l("The gift is sent there, and nothing else."))


class GiftForm(RecipientForm):
    """Fields by the names that domain/gifts.accept reads."""

    offer = RadioField(_l("What you give"), choices=[], validate_choice=False)
    # As text: a day that cannot be read is given back as it was typed.
    deliver_on = StringField(_l("When it should arrive"))
    message = TextAreaField(_l("A few words to go with it"), description=_l("May be left empty. 500 characters at most, no links."))
    name = StringField(_l("Your name"), description=_l("So that the recipient knows who it is from."))
    email = EmailField(_l("Your e-mail address"), description=_l("Your receipt goes there, with the code to print or to pass on."))
    attempt = HiddenField()

    def said(self) -> dict[str, str]:
        """What was typed, by field."""
        return {name: self[name].data or "" for name in (*TYPED, "deliver_on")}


def fresh(on_sale: Sequence[Offer], today: Any, before: Gift | None = None) -> GiftForm:
    """The form as it is first shown: with what she chose ``before`` when she comes back from Checkout."""
    form = GiftForm(**(_chosen_before(before, on_sale) if before else _first_choice(on_sale, today)))
    form.attempt.data = secrets.token_hex(16)
    return _with_choices(form, on_sale)


def submitted(on_sale: Sequence[Offer]) -> GiftForm:
    """The form as it was sent. Its attempt is kept if it looks like ours, so that a second click is the same wish."""
    form = _with_choices(GiftForm(), on_sale)
    if not re.fullmatch(r"[0-9a-f]{32}", form.attempt.data or ""):
        form.attempt.data = secrets.token_hex(16)
    return form


def _with_choices(form: GiftForm, on_sale: Sequence[Offer]) -> GiftForm:
    words = _l("%(name)s, %(months)s months: %(price)s")
    form.offer.choices = [
        SelectChoice(one.key, str(words) % {"name": one.name, "months": one.months, "price": money(one.amount, one.currency)})
        for one in on_sale
    ]
    return form


def _first_choice(on_sale: Sequence[Offer], today: Any) -> dict[str, Any]:
    reader = {"email": current_user.email, "name": current_user.name} if current_user.is_authenticated else {}
    year = next((one.key for one in on_sale if one.months == 12), "")
    return {"offer": year, "deliver_on": today.isoformat(), **reader}


def _chosen_before(before: Gift, on_sale: Sequence[Offer]) -> dict[str, Any]:
    chosen = next((one.key for one in on_sale if (one.plan_key, one.months) == (before.plan_key, before.months)), "")
    names = ("recipient_name", "recipient_email", "message", "name", "email")
    return {"offer": chosen, "deliver_on": local(before.deliver_at).date().isoformat(), **{name: getattr(before, name) for name in names}}
