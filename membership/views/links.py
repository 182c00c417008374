"""Mailed links: ask for one, look at it, press its button. Opening one changes nothing; only the button does."""

from typing import Any

from flask import abort, current_app, flash, make_response, render_template, session, url_for
from flask_babel import gettext as _

from kit.database import db
from kit.jobs import enqueue
from kit.urls import safe_next
from membership import accounts, sessions, tokens
from membership.forms import EmailForm
from membership.guards import public
from membership.models import Account, AccountToken
from membership.views.account import bp
from membership.views.browser import browser_hash, marked_browser
from membership.views.pages import form_page, go, next_path, private
from membership.views.rates import mails


@bp.get("/check-mail")
@public
def check_mail() -> Any:
    """We may have sent a mail: look there. The same page whoever asked."""
    show_mailbox = current_app.config["APP_ENV"] == "development"
    return render_template("account/check_mail.html", email=session.get("mail_to"), show_mailbox=show_mailbox)


@bp.route("/link", methods=["GET", "POST"])
@mails
@public
def link() -> Any:
    """Ask for a link that signs this browser in."""
    form = EmailForm(next=next_path())
    if not form.validate_on_submit():
        return form_page("account/link.html", form)
    enqueue("membership.mail_link", "sign_in", form.email_key, marked_browser(), safe_next(form.next.data, ""), sessions.new_token())
    session["mail_to"] = form.email.data
    db.session.commit()
    return go(url_for("account.check_mail"))


@bp.get("/link/<token>")
@public
def open_link(token: str) -> Any:
    """The page with the button; in another browser than the one that asked, an explanation instead."""
    found = tokens.look("sign_in", token)
    if found is None:
        abort(410)
    return private(render_template("account/open_link.html", token=token, same_browser=_same_browser(found)))


@bp.post("/link/<token>")
@public
def use_link(token: str) -> Any:
    """Sign in. A link opened elsewhere is not used up, so a scanner that presses buttons does no harm."""
    found = tokens.look("sign_in", token)
    if found is None:
        abort(410)
    if not _same_browser(found):
        return private(make_response(render_template("account/open_link.html", token=token, same_browser=False), 403))
    account = _spent(found)
    accounts.prove(account, browser_hash())
    sessions.sign_in(account)
    db.session.commit()
    return go(safe_next(found.next_path, url_for("account.show")))


@bp.get("/verify/<token>")
@public
def verify(token: str) -> Any:
    """The page with the button that confirms an address."""
    if tokens.look("verify", token) is None:
        abort(410)
    return private(render_template("account/verify.html", token=token))


@bp.post("/verify/<token>")
@public
def confirm(token: str) -> Any:
    """The address is hers. The browser that signed up is signed in, and its password counts; any other is not (A19)."""
    found = tokens.look("verify", token)
    if found is None:
        abort(410)
    account, same_browser = _spent(found), _same_browser(found)
    password_stays = accounts.prove(account, browser_hash())
    if same_browser:
        sessions.sign_in(account)
    db.session.commit()
    if same_browser:
        flash(_("Your address is confirmed. Welcome."), "success")
        return go(safe_next(found.next_path, url_for("account.show")))
    return private(render_template("account/confirmed.html", password_stays=password_stays))


def _same_browser(found: AccountToken) -> bool:
    return found.browser_hash is None or found.browser_hash == browser_hash()


def _spent(found: AccountToken) -> Account:
    # The account first, as a sign-up takes it: it must not leave a password in wait while this one proves the address.
    account = db.session.get_one(Account, found.account_id, with_for_update=True, populate_existing=True)
    if not tokens.spend(found):
        abort(410)  # somebody was a moment faster
    return account
