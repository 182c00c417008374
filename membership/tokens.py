"""Links that travel by e-mail: issued for one purpose, looked at as often as you like, spent once.

A GET only looks (mail scanners open every link); the button's POST spends. One conditional UPDATE decides who was first.
"""

from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import delete, select, update

from kit import clock
from kit.database import db
from membership.models import Account, AccountToken
from membership.sessions import digest, new_token

Purpose = Literal["verify", "sign_in", "reset"]
LIFE: dict[Purpose, timedelta] = {"verify": timedelta(hours=24), "sign_in": timedelta(minutes=10), "reset": timedelta(minutes=10)}
KEEP = timedelta(days=7)


def issue(purpose: Purpose, account: Account, *, browser_hash: str | None, next_path: str = "", life: timedelta | None = None) -> str:
    """A new token for this account's present address; older ones of the same purpose are dead from now on."""
    retire(account.id, purpose)
    now, token = clock.now(), new_token()
    db.session.add(
        AccountToken(
            token_hash=digest(token),
            purpose=purpose,
            account_id=account.id,
            email_key=account.email_key,
            browser_hash=browser_hash,
            next_path=next_path,
            created_at=now,
            expires_at=now + (life or LIFE[purpose]),
        )
    )
    db.session.flush()
    return token


def look(purpose: Purpose, token: str) -> AccountToken | None:
    """The living token, if it is one; changes nothing. The address must still be the account's own."""
    return db.session.scalars(
        select(AccountToken)
        .join(Account, Account.id == AccountToken.account_id)
        .where(*_living(purpose, clock.now()), AccountToken.token_hash == digest(token))
        .where(AccountToken.email_key == Account.email_key, Account.active)
    ).one_or_none()


def spend(found: AccountToken) -> bool:
    """Use it up; True for exactly one caller."""
    now = clock.now()
    taken = (
        update(AccountToken)
        .where(AccountToken.token_hash == found.token_hash, AccountToken.used_at.is_(None), AccountToken.expires_at > now)
        .values(used_at=now)
        .execution_options(synchronize_session=False)
    )
    done: Any = db.session.execute(taken)
    return done.rowcount == 1


def retire(account_id: int, *purposes: Purpose) -> None:
    """Kill the unspent tokens of these purposes."""
    now = clock.now()
    db.session.execute(
        update(AccountToken)
        .where(AccountToken.account_id == account_id, AccountToken.purpose.in_(purposes), AccountToken.used_at.is_(None))
        .values(used_at=now)
        .execution_options(synchronize_session=False)
    )


def browser_of_sign_up(account_id: int) -> str | None:
    """The browser that last asked to verify this account: the one whose person knows the password."""
    return db.session.scalars(
        select(AccountToken.browser_hash)
        .where(AccountToken.account_id == account_id, AccountToken.purpose == "verify")
        .order_by(AccountToken.created_at.desc())
        .limit(1)
    ).first()


def sweep() -> None:
    """Delete what ran out long ago (a daily job calls it); an unproven account's last request is kept for its browser."""
    old = clock.now() - KEEP
    unproven = select(Account.id).where(Account.confirmed_at.is_(None))
    db.session.execute(
        delete(AccountToken)
        .where(AccountToken.expires_at < old, AccountToken.account_id.not_in(unproven))
        .execution_options(synchronize_session=False)
    )


def _living(purpose: Purpose, now: datetime) -> tuple:
    return AccountToken.purpose == purpose, AccountToken.used_at.is_(None), AccountToken.expires_at > now
