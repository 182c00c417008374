"""Forms of the accounts. Each error stands at its field and says what to do; what was typed stays (never a password)."""

from typing import Any

from flask_babel import lazy_gettext as _l
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import BooleanField, DateField, EmailField, HiddenField, PasswordField, StringField
from wtforms.validators import DataRequired, InputRequired, Length, ValidationError

from membership import grants, passwords
from membership.domain import emails

OBJECTIONS = {
    "short": _l("Too short: use at least 10 characters. Several words make a good password."),
    "long": _l("Too long: use at most 1,024 characters."),
    "common": _l("This is one of the passwords that are tried first. Choose something less common."),
    "site": _l("Do not build the password from our name: it is tried first."),
    "email": _l("Do not build the password from your address: it is tried first."),
}


class DayField(DateField):
    """A day; what is none is refused in our words (browsers without a field for dates let anything be typed)."""

    def process_formdata(self, valuelist: Any) -> None:
        """Raises ValueError with a sentence."""
        try:
            super().process_formdata(valuelist)
        except ValueError as error:
            raise ValueError(_l("Choose the day, as 2027-05-31.")) from error


def plain_text(_form: Any, field: Any) -> None:
    """No control characters: they have no place in a name, and PostgreSQL refuses NUL."""
    if field.data and any(ord(letter) < 32 or ord(letter) == 127 for letter in field.data):
        raise ValidationError(_l("Use letters, digits and ordinary signs only."))


def within_reach(_form: Any, field: Any) -> None:
    """No day beyond grants.FURTHEST."""
    if field.data is not None and field.data > grants.FURTHEST:
        raise ValidationError(_l("Choose a day before the year 3000."))


class Address:
    """An e-mail address; afterwards ``form.email_key`` is its key."""

    def __call__(self, form: Any, field: Any) -> None:
        try:
            form.email_key = emails.key(field.data)
        except emails.NotAnAddress as error:
            raise ValidationError(_l("This is not a complete e-mail address. It looks like name@example.com.")) from error


class NewPassword:
    """A password that will do; see domain/passwords.py."""

    def __call__(self, form: Any, field: Any) -> None:
        email = form.email.data if "email" in form else getattr(current_user, "email", "")
        refused = passwords.objection(field.data, email or "")
        if refused:
            raise ValidationError(OBJECTIONS[refused])


def email_field() -> EmailField:
    needed = DataRequired(_l("Type your e-mail address."))
    return EmailField(_l("E-mail address"), [needed, Length(max=320, message=_l("This address is too long.")), Address()])


def new_password_field() -> PasswordField:
    hint = _l("At least 10 characters. Several words make a good password.")
    return PasswordField(_l("Choose a password"), [DataRequired(_l("Choose a password.")), NewPassword()], description=hint)


def name_field() -> StringField:
    return StringField(_l("Your name"), [Length(max=200, message=_l("Use at most 200 characters.")), plain_text])


def last_day_field() -> DateField:
    needed = InputRequired(_l("Choose the last day, as 2027-05-31."))
    return DayField(_l("Last day"), [needed, within_reach])


class SignInForm(FlaskForm):
    """Password sign-in."""

    email = email_field()
    password = PasswordField(_l("Password"), [DataRequired(_l("Type your password."))])
    next = HiddenField()
    email_key = ""


class SignUpForm(FlaskForm):
    """A new account."""

    name = name_field()
    email = email_field()
    password = new_password_field()
    next = HiddenField()
    email_key = ""


class EmailForm(FlaskForm):
    """Only an address: for the sign-in link and for a new password."""

    email = email_field()
    next = HiddenField()
    email_key = ""


class ResetForm(FlaskForm):
    """A new password, by a link that was mailed."""

    password = new_password_field()


class ChangePasswordForm(FlaskForm):
    """A new password, by somebody who knows the present one."""

    current = PasswordField(_l("Your present password"), [DataRequired(_l("Type your present password."))])
    password = new_password_field()

    def refuse_current(self) -> None:
        """The present password was not the present password."""
        self.current.errors = [_l("This is not your present password.")]  # ty: ignore[invalid-assignment]


class GrantForm(FlaskForm):
    """Complimentary access, given by staff."""

    until = last_day_field()
    note = StringField(_l("Why"), [DataRequired(_l("Say why; who comes after you will want to know.")), Length(max=500), plain_text])
    tell = BooleanField(_l("Write to the reader"))


class GrantEndForm(FlaskForm):
    """Another end of complimentary access."""

    until = last_day_field()
    tell = BooleanField(_l("Write to the reader"))


class NameForm(FlaskForm):
    """What we call her."""

    name = name_field()
