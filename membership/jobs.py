"""Work of this room that the worker does."""

from kit.database import db
from kit.jobs import job, schedule
from kit.limits import sweep_limits
from membership import accounts, memberships, sessions, tokens


@job("membership.mail_link")
def mail_link(purpose: str, email_key: str, browser_hash: str, next_path: str, asked: str = "") -> None:
    """Mail the link that was asked for, if there is such an account. ``asked`` names the asking: run twice, one mail.

    A job, so that the page takes the same time and leaves the same traces whether there is one (safety A05, A06).
    """
    account = accounts.by_key(email_key)
    asked = asked or sessions.new_token()  # one that was queued before askings had names
    if account is not None and account.active:
        if purpose == "reset":
            accounts.mail_reset(account, browser_hash, asked)
        else:
            accounts.mail_sign_in_link(account, browser_hash, next_path, asked)
    db.session.commit()


@job("membership.renew")
def renew() -> None:
    """Derive anew the memberships in which a source that waited has begun, or a gap before one (a gift to come)."""
    for account_id in memberships.due(limit=500):
        memberships.lock(account_id)
        memberships.derive(account_id)
    db.session.commit()


@job("membership.follow_grace")
def follow_grace(_term_id: int) -> None:
    """The grace was changed: every membership that depends on it, a batch a commit. Begun again it does no harm."""
    account_id = 0
    while batch := memberships.open_after(account_id, limit=200):
        for account_id in batch:
            memberships.follow_grace(account_id)
        db.session.commit()


@job("membership.sweep")
def sweep() -> None:
    """Forget sessions, tokens and rate windows that are over."""
    sessions.sweep()
    tokens.sweep()
    sweep_limits()
    db.session.commit()


schedule("membership.renew", "*/5 * * * *")
schedule("membership.sweep", "47 3 * * *")
