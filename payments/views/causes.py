"""Whose doing an end is, as staff says it: the words, and the part of a form that asks for it."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import SelectField, TextAreaField
from wtforms.validators import InputRequired, Length

from payments.views.cancellations import choice

CAUSES = {
    "reader": _l("she asked for it"),
    "payment": _l("the payment never came"),
    "staff": _l("we decided so"),
    "fraud": _l("a card was used without its owner's leave"),
    "dispute": _l("the payment was disputed"),
    "migration": _l("she pays by another way now"),
    "death": _l("she died"),
}


class CauseForm(FlaskForm):
    """Whose doing, and a note for who comes after."""

    cause = SelectField(
        _l("Why"),
        [InputRequired(_l("Choose a cause: the reports and who comes after you count on it."))],
        choices=[choice("", ""), *(choice(one, words) for one, words in CAUSES.items())],
    )
    note = TextAreaField(_l("Note"), [InputRequired(_l("Say why; who comes after you will want to know.")), Length(max=500)])
