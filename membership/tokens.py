"""Links that travel by e-mail: issued for one purpose, looked at as often as you like, spent once.

A GET only looks (mail scanners open every link); the button's POST spends. One conditional UPDATE decides who was first.
"""

from datetime import datetime, timedelta
from typing import Any, Literal, cast

from sqlalchemy import CursorResult, delete, select, update

from kit import clock
from kit.database import db
from membership.models import Account, AccountToken
from membership.sessions import digest, new_token

Purpose = Literal["verify", "sign_in", "reset"]
LIFE: dict[Purpose, timedelta] = {"verify": timedelta(hours=24), "sign_in": timedelta(minutes=10), "reset": timedelta(minutes=10)}
KEEP = timedelta(days=7)


def issue(
    purpose: Purpose,
    account: Account,
    *,
    browser_hash: str | None,
    next_path: str = "",
    life: timedelta | None = None,
    waits: tuple[str, str | None] = ("", None),
) -> str:
    """A new token for this account's present address; older ones of the same purpose are dead from now on.

    ``waits``: name and hash of the password that wait for the proof, see chosen_in.
    """
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
            name=waits[0],
            password=waits[1],
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


def retire_everyones() -> str:
    """After a backup was restored: links that were spent since, or killed, would open again. Says how many are dead now."""
    living = update(AccountToken).where(AccountToken.used_at.is_(None), AccountToken.expires_at > clock.now())
    count = cast("CursorResult[Any]", db.session.execute(living.values(used_at=clock.now()))).rowcount
    return f"{count} links from mails open nothing any more: people ask for new ones." if count else ""


def chosen_in(browser_hash: str | None, account_id: int) -> tuple[str, str] | None:
    """(name, hash of the password) that were typed in this browser when it last signed up for this account; its link may be dead."""
    if browser_hash is None:
        return None  # a browser without its cookie chose nothing
    mine = AccountToken.account_id == account_id, AccountToken.purpose == "verify", AccountToken.browser_hash == browser_hash
    found = db.session.execute(
        select(AccountToken.name, AccountToken.password)
        .where(*mine, AccountToken.password.is_not(None))
        .order_by(AccountToken.created_at.desc())
        .limit(1)
    ).first()
    return (found.name, found.password) if found is not None else None


def forget_chosen(account_id: int) -> None:
    """The address is proven: no other link to prove it lives, and nobody's password waits any more."""
    retire(account_id, "verify")
    waits = AccountToken.account_id == account_id, AccountToken.password.is_not(None)
    db.session.execute(update(AccountToken).where(*waits).values(password=None).execution_options(synchronize_session=False))


def sweep() -> None:
    """Delete what ran out long ago, with the passwords that waited for a proof that never came (a daily job calls it)."""
    gone = delete(AccountToken).where(AccountToken.expires_at < clock.now() - KEEP)
    db.session.execute(gone.execution_options(synchronize_session=False))


def _living(purpose: Purpose, now: datetime) -> tuple:
    return AccountToken.purpose == purpose, AccountToken.used_at.is_(None), AccountToken.expires_at > now
