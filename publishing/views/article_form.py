"""The newsroom's form. What is right is decided by domain/articles.accept; the form only carries it and its problems."""

from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import IntegerField, RadioField, SelectField, StringField, SubmitField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.widgets import HiddenInput

from publishing.domain.problems import Refused

TYPED = ("title", "slug", "kind", "topic", "author", "access", "summary", "image", "body", "date")


def _choices(**labels: Any) -> list[SelectChoice]:
    return [SelectChoice(value, label) for value, label in labels.items()]


class ArticleForm(FlaskForm):
    """Fields by the names of domain/articles.ArticleFields, and the version that the writer began from."""

    title = StringField(_l("Title"))
    summary = TextAreaField(_l("Summary"), description=_l("One or two sentences, public: lists, feed, search and sharing show them."))
    body = TextAreaField(
        _l("Text"),
        description=_l("Markdown. <!-- more --> alone on a line ends the public preview; without it the first paragraph is public."),
    )
    author = StringField(_l("Author"))
    topic = StringField(_l("Topic"), description=_l("A new name makes a new topic."))
    kind = SelectField(
        _l("Kind"),
        choices=_choices(article=_l("Article"), column=_l("Column"), photos=_l("Photo story")),
    )
    access = RadioField(
        _l("Who may read it"),
        choices=_choices(free=_l("Everybody"), metered=_l("Metered"), members=_l("Members")),
    )
    image = StringField(_l("Picture"), description=_l("Its name in the media folder, such as 2026/mill.webp, or a path of this site."))
    slug = StringField(_l("Address"), description=_l("Made from the title when empty. Changing it breaks links to the old one."))
    date = StringField(_l("Date"), description=_l("2026-11-20 or 2026-11-20 06:30; empty means when you publish. A date ahead waits."))
    version = IntegerField(widget=HiddenInput())
    publish = SubmitField()  # which of the two buttons was pressed

    def said(self) -> dict[str, str]:
        """What was typed, by field."""
        return {name: self[name].data or "" for name in TYPED}


def show_problems(form: ArticleForm, refusal: Refused) -> None:
    """Put each problem at its field; what has no field stands above the form."""
    for name, problem in refusal.problems.items():
        text = gettext(problem.text, **dict(problem.values))
        if problem.line:
            text = f"{text} {gettext('(line %(line)s)', line=problem.line)}"
        if name in TYPED:
            form[name].errors = [*form[name].errors, text]
        else:
            form.form_errors.append(text)
