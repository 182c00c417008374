"""Signing up, in and out; a password forgotten or changed."""

from typing import Any

from flask import Blueprint, abort, flash, render_template, session, url_for
from flask_babel import gettext as _
from flask_login import current_user

from kit.database import begin_write, db, read_first
from kit.jobs import enqueue
from kit.urls import safe_next
from membership import accounts, passwords, sessions, tokens
from membership.forms import ChangePasswordForm, EmailForm, ResetForm, SignInForm, SignUpForm
from membership.guards import public, signed_in
from membership.views.browser import browser_hash, marked_browser
from membership.views.pages import form_page, go, next_path, private
from membership.views.rates import mails, own_tries, tries

bp = Blueprint("security", __name__, url_prefix="/account")


@bp.route("/sign-up", methods=["GET", "POST"])
@mails
@public
def register() -> Any:
    """Make an account. The answer is the same whether the address has one already (safety A05)."""
    read_first()
    if current_user.is_authenticated:
        return go(next_path() or url_for("account.show"))
    form = SignUpForm(next=next_path())
    if not form.validate_on_submit():
        return form_page("security/sign_up.html", form)
    password_hash = passwords.hashed(form.password.data or "")
    begin_write()
    accounts.sign_up(form.email.data or "", form.name.data or "", password_hash, marked_browser(), safe_next(form.next.data, ""))
    session["mail_to"] = form.email.data
    db.session.commit()
    return go(url_for("account.check_mail"))


@bp.route("/sign-in", methods=["GET", "POST"])
@tries
@public
def login() -> Any:
    """Sign in by password. One answer for a wrong password and an unknown address, in the same time."""
    read_first()
    if current_user.is_authenticated:
        return go(next_path() or url_for("account.show"))
    form = SignInForm(next=next_path())
    if not form.validate_on_submit():
        return form_page("security/sign_in.html", form)
    account = accounts.by_key(form.email_key)
    stored = account.password if account else None
    fits = passwords.matches(form.password.data or "", stored)
    if account is None or not fits or not account.active:
        form.form_errors.append(
            _(
                "This address and this password do not belong together. If you have just made your account, press the button in our mail first."
            )
        )
        return form_page("security/sign_in.html", form)
    begin_write()
    db.session.refresh(account, with_for_update=True)
    if account.password != stored or not account.active:
        abort(409)  # changed while we were hashing: who changed it signed every device out, and would miss this one
    accounts.renew_hash(account, form.password.data or "")
    tokens.retire(account.id, "sign_in", "reset")
    sessions.sign_in(account)
    db.session.commit()
    return go(safe_next(form.next.data, url_for("account.show")))


@bp.post("/sign-out")
@public
def logout() -> Any:
    """End this browser's session, here and in whoever copied its cookie."""
    sessions.forget()
    db.session.commit()
    answer = go(url_for("front.index"))
    answer.headers["Clear-Site-Data"] = '"cache"'
    return answer


@bp.route("/reset", methods=["GET", "POST"])
@mails
@public
def forgot_password() -> Any:
    """Ask for a link to choose a new password."""
    form = EmailForm()
    if not form.validate_on_submit():
        return form_page("security/forgot.html", form)
    enqueue("membership.mail_link", "reset", form.email_key, marked_browser(), "", sessions.new_token())
    session["mail_to"] = form.email.data
    db.session.commit()
    return go(url_for("account.check_mail"))


@bp.route("/reset/<token>", methods=["GET", "POST"])
@public
def reset_password(token: str) -> Any:
    """Choose a new password by a mailed link. It proves the address, signs every device out and nobody in."""
    read_first()
    found = tokens.look("reset", token)
    if found is None:
        abort(410)
    form = ResetForm()
    if not form.validate_on_submit():
        return private(form_page("security/reset.html", form, token=token))
    password_hash = passwords.hashed(form.password.data or "")
    begin_write()
    account = db.session.get_one(accounts.Account, found.account_id, with_for_update=True, populate_existing=True)
    if not tokens.spend(found):
        abort(410)
    accounts.prove(account, browser_hash())
    accounts.set_password(account, password_hash)
    session.clear()
    db.session.commit()
    flash(_("Your new password is set. Sign in with it."), "success")
    return go(url_for("security.login"))


@bp.route("/password", methods=["GET", "POST"])
@own_tries
@signed_in
def change_password() -> Any:
    """Change the password that one knows. Without one, the mailed link sets the first."""
    read_first()
    account_id, stored = sessions.reader().id, sessions.reader().password
    if stored is None:
        return render_template("security/first_password.html", email_form=EmailForm(email=sessions.reader().email))
    form = ChangePasswordForm()
    if not form.validate_on_submit():
        return form_page("security/change.html", form)
    if not passwords.matches(form.current.data or "", stored):
        form.refuse_current()
        return form_page("security/change.html", form)
    password_hash = passwords.hashed(form.password.data or "")
    begin_write()
    account = db.session.get_one(accounts.Account, account_id, with_for_update=True, populate_existing=True)
    if account.password != stored or not account.active or not sessions.stands():
        abort(409)  # reset, or signed out here, while we were hashing: whoever did that shall not be shut out by what came before
    accounts.set_password(account, password_hash)
    sessions.sign_in(account)
    db.session.commit()
    flash(_("Your password is changed, and every other device is signed out."), "success")
    return go(url_for("account.show"))
