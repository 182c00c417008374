"""Accounts: made, proven, signed in to, given a password. Verbs that lock, decide, write and queue; doors commit."""

from contextlib import suppress

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from kit import clock
from kit.database import db
from kit.mail import is_told, queue_mail, render_mail
from kit.urls import public_url
from membership import passwords, sessions, signals, tokens
from membership.domain import emails
from membership.models import Account
from membership.models.accounts import ROLES


class AddressTaken(ValueError):
    """There is an account with this address. Never shown to whoever asks on the site (safety A05)."""


def find(typed: str) -> Account | None:
    """The account of an address, however it is spelled; None also for what is no address."""
    try:
        key = emails.key(typed)
    except emails.NotAnAddress:
        return None
    return by_key(key)


def by_key(email_key: str) -> Account | None:
    """The account with this key (domain/emails.py)."""
    return db.session.scalars(select(Account).where(Account.email_key == email_key)).one_or_none()


def by_public_id(public_id: str) -> Account | None:
    """The account with this public id."""
    return db.session.scalars(select(Account).where(Account.public_id == public_id)).one_or_none()


def create(email: str, *, name: str = "", role: str | None = None, confirmed: bool = False) -> Account:
    """A new account. Raises domain.emails.NotAnAddress, AddressTaken, ValueError for a role that there is not."""
    if role is not None and role not in ROLES:
        raise ValueError(f"no such role: {role}; there are {', '.join(ROLES)}")
    stored, key = emails.parse(email)
    now = clock.now()
    account = Account(email=stored, email_key=key, name=name.strip()[:200], role=role, created_at=now)
    account.confirmed_at = now if confirmed else None
    try:
        with db.session.begin_nested():
            db.session.add(account)
    except IntegrityError as error:
        raise AddressTaken(email) from error
    return account


def sign_up(email: str, name: str, password_hash: str, browser_hash: str, next_path: str) -> None:
    """Mail the link that proves the address, or tell its owner that she has an account. Whoever asks cannot see which.

    Whoever it is changes nothing in an account: name and password wait with the link, and ``prove`` takes them from there.
    So nobody can lay an account in wait for the owner of an address, nor take one that waits for her: there may be one
    already, with a role, a grant or a membership (safety A19).
    """
    account = find(email)
    if account is None:
        with suppress(AddressTaken):  # somebody else's sign-up was a moment faster
            create(email)
        account = find(email)
        assert account is not None
    db.session.refresh(account, with_for_update=True)  # its owner may be proving it at this moment
    if account.confirmed_at is None:
        waits = name.strip()[:200], password_hash
        token = tokens.issue("verify", account, browser_hash=browser_hash, next_path=next_path, waits=waits)
        _mail(account, "verify", address=public_url("account.verify", token=token))
    else:
        _mail(account, "account_exists", address=public_url("security.login"), reset=public_url("security.forgot_password"))


def mail_sign_in_link(account: Account, browser_hash: str, next_path: str, asked: str) -> None:
    """Mail the link that signs in the browser that asked. ``asked`` names the asking: it is answered once."""
    key = f"sign_in_link:{account.public_id}:{asked}"
    if not is_told(key):  # a second link would kill the first, which is on its way
        token = tokens.issue("sign_in", account, browser_hash=browser_hash, next_path=next_path)
        _mail(account, "sign_in_link", key=key, address=public_url("account.open_link", token=token))


def mail_reset(account: Account, browser_hash: str, asked: str) -> None:
    """Mail the link by which a new password can be chosen, once for each asking; to the stored address, never to the typed one."""
    key = f"reset:{account.public_id}:{asked}"
    if not is_told(key):
        token = tokens.issue("reset", account, browser_hash=browser_hash)
        _mail(account, "reset", key=key, address=public_url("security.reset_password", token=token))


def prove(account: Account, browser_hash: str | None) -> bool:
    """Somebody opened a link that went to the account's address. Answers whether there is a password to sign in with.

    At the first proof the name and the password count that were typed in this very browser when it signed up. What was
    typed elsewhere is forgotten: somebody else may have signed up with this address and be waiting (safety A19).
    """
    if account.confirmed_at is None:
        account.confirmed_at = clock.now()
        chosen = tokens.chosen_in(browser_hash, account.id)
        if chosen is not None:
            account.name, account.password = chosen[0] or account.name, chosen[1]
        tokens.forget_chosen(account.id)
        sessions.end_all(account.id)  # whoever was signed in so far had proven nothing
        db.session.flush()
        signals.email_verified.send(account)
    return account.password is not None


def set_password(account: Account, password_hash: str, *, but: str | None = None) -> None:
    """A new password: every other device is signed out (but the session ``but``, a hash), pending links die, she is told."""
    account.password = password_hash
    sessions.end_all(account.id, but=but)
    tokens.retire(account.id, "reset", "sign_in")
    _mail(account, "password_changed", address=public_url("security.forgot_password"), at=clock.now())


def renew_hash(account: Account, password: str) -> None:
    """Hash a password that was just proven anew if its parameters are no longer ours."""
    if account.password and passwords.outdated(account.password):
        account.password = passwords.hashed(password)


def set_role(account: Account, role: str | None) -> None:
    """Make somebody staff, or no longer. All her devices are signed out. Raises ValueError for a role that there is not."""
    if role is not None and role not in ROLES:
        raise ValueError(f"no such role: {role}; there are {', '.join(ROLES)}")
    account.role = role
    sessions.end_all(account.id)


def _mail(account: Account, template: str, *, key: str = "", **context: object) -> None:
    subject, text, html = render_mail(template, account=account, **context)
    queue_mail(account.email, subject, text, html, key=key or f"{template}:{account.public_id}:{sessions.new_token()}")
