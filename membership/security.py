"""Flask-Security underneath, our own doors above.

Taken from it: password hashing and its renewal, the sign-in and sign-out that its signals, second factors and passkeys
build on. Not taken: its blueprint. Its views confirm an address and sign in by GET (a mail scanner would do it), answer
200 to refused forms and 302 after a POST, hash while SQLite's one writer waits, and say nothing at the field; see
docs/decisions/0007-accounts.md and views/security.py.
"""

from typing import Any

from flask import Flask
from flask_login import LoginManager, current_user
from flask_login.utils import _user_context_processor
from flask_security import MailUtil, RoleMixin, Security, SQLAlchemyUserDatastore
from flask_security.mail_util import EmailValidateException

from kit.database import db
from kit.mail import queue_mail
from membership import passwords, sessions
from membership.domain import emails
from membership.models import Account


class Datastore(SQLAlchemyUserDatastore):
    """Accounts as Flask-Security asks for them; an address is looked up by its key, never as typed."""

    def find_user(self, case_insensitive: bool = False, **criteria: Any) -> Any:
        if "email" in criteria:
            criteria["email_key"] = emails.key(criteria.pop("email"))
        return super().find_user(case_insensitive=False, **criteria)


class OutboxMail(MailUtil):
    """Whatever the library mails goes through the outbox, in the caller's transaction."""

    def send_mail(self, template: str, subject: str, recipient: Any, sender: Any, body: Any, html: Any, **kwargs: Any) -> None:
        user = kwargs.get("user")
        queue_mail(str(recipient), str(subject), body or "", html, key=f"{template}:{getattr(user, 'id', '')}:{sessions.new_token()}")

    def normalize(self, email: str) -> str:
        try:
            return emails.parse(email)[0]
        except emails.NotAnAddress as error:
            raise EmailValidateException(str(error)) from error

    validate = normalize


def init_app(app: Flask) -> None:
    """Sign-in for this application."""
    app.config.update(
        SECURITY_URL_PREFIX="/account",
        SECURITY_CLI_USERS_NAME=None,
        SECURITY_CLI_ROLES_NAME=None,
        SECURITY_PASSWORD_NORMALIZE_FORM="NFC",  # noqa: S106
        SECURITY_API_ENABLED_METHODS=["session"],
        **passwords.HASHING,
    )
    security = Security(app, Datastore(db, Account, RoleMixin), register_blueprint=False, mail_util_cls=OutboxMail)
    passwords.init_app(app)
    _own_sessions(app, security.login_manager)
    _leave_visitors_alone(app, security)


def _own_sessions(app: Flask, manager: LoginManager) -> None:
    """A cookie is worth what its row in login_session says, and no other token signs anybody in."""
    manager.user_loader(sessions.load)
    manager._request_callback = None  # the library's own API tokens, in a header, the query or the body: not offered
    manager.session_protection = None  # ty: ignore[invalid-assignment] - it compares address and browser; a row that can be ended does more
    app.after_request(sessions.touch)


def _leave_visitors_alone(app: Flask, security: Security) -> None:
    """Take two hooks off every request: they look at the session of visitors who have none, so no page could be cached.

    Flask-Principal loads the reader on each request for permissions that guards.py decides without it; Flask-Login's
    hook writes the remember-me cookie, in whose place stand our session rows.
    """
    # Flask-Login would load the account for every template; as a name that is looked up when it is asked for, it does not.
    app.template_context_processors[None].remove(_user_context_processor)
    app.add_template_global(current_user, "current_user")
    app.before_request_funcs[None].remove(security.principal._on_before_request)
    app.after_request_funcs[None].remove(security.login_manager._update_remember_cookie)
