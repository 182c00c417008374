"""Sessions: one row a signed-in device, so that one or all can be ended here, whatever cookies were copied."""

import hashlib
import secrets
from datetime import timedelta
from typing import Any

import structlog
from flask import Response, g, request, session
from flask_login import current_user
from flask_security.utils import login_user
from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from kit import clock
from kit.database import db
from membership.models import Account, LoginSession

log = structlog.get_logger("membership.sessions")
READER_LIFE = timedelta(days=180)
READER_IDLE = timedelta(days=30)
STAFF_LIFE = timedelta(hours=12)
SEEN_EVERY = timedelta(days=1)


def new_token() -> str:
    """256 random bits, as text that is safe in an address."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """What is stored of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def begin(account: Account, device: str = "") -> str:
    """A row for a device that signs in now; answers the token for its cookie, which is stored nowhere."""
    now, token = clock.now(), new_token()
    life = STAFF_LIFE if account.is_staff else READER_LIFE
    values = {"account_id": account.id, "created_at": now, "seen_at": now, "expires_at": now + life, "device": device[:200]}
    db.session.add(LoginSession(token_hash=digest(token), **values))
    db.session.flush()
    return token


def sign_in(account: Account) -> None:
    """Sign this browser in: everything it knew before (a planted cookie, another person) is forgotten first."""
    forget()
    account.session_token = begin(account, request.headers.get("User-Agent", ""))
    session.permanent = True
    login_user(account)
    account.session_token = ""


def forget() -> None:
    """Empty this browser's cookie and end its session row; its CSRF tokens die with it."""
    token = session.get("_user_id")
    if token:
        end(digest(token))
    for name in ("csrf_token", "_login_user", "reader", "membership"):
        g.pop(name, None)
    session.clear()


def live(login: Any, account: Any) -> tuple[Any, ...]:
    """When a session signs its account in: not over, not idle for a month, the account not shut. Binds ``now`` and ``idle_since``."""
    return login.expires_at > bindparam("now"), login.seen_at > bindparam("idle_since"), account.active


_by_token = (
    select(Account, LoginSession.token_hash, LoginSession.seen_at)
    .join(LoginSession, LoginSession.account_id == Account.id)
    .where(LoginSession.token_hash == bindparam("token_hash"), *live(LoginSession, Account))
)


def load(token: str) -> Account | None:
    """The account behind a cookie's token, by one look-up; None when the session ended, ran out or lay idle."""
    now = clock.now()
    found = db.session.execute(_by_token, {"token_hash": digest(str(token)), "now": now, "idle_since": now - READER_IDLE}).first()
    if found is None:
        return None
    g.session_seen = (found.token_hash, found.seen_at)
    return found.Account


def reader() -> Account:
    """Who is signed in; only behind a guard (or after asking ``current_user.is_authenticated``)."""
    return current_user._get_current_object()


def here() -> str | None:
    """The hash of the session by which this request came; None for visitors."""
    return g.session_seen[0] if "session_seen" in g else None


def stands() -> bool:
    """Is the session by which this request came still there? For a door that computes for a while before it writes; locks the row."""
    token_hash = here()
    return token_hash is not None and db.session.get(LoginSession, token_hash, with_for_update=True, populate_existing=True) is not None


def touch(response: Response) -> Response:
    """After the request: note once a day that this device was seen, in a short transaction of its own.

    So the reader's pages read and do not write; the idle limit of a month needs no finer clock.
    """
    token_hash, seen_at = g.get("session_seen", (None, None))
    now = clock.now()
    if token_hash is not None and request.method == "GET" and now - seen_at > SEEN_EVERY:
        # A page that wrote (a metered read, a return from Checkout) may still hold SQLite's one write lock: let go of it, or we
        # wait for ourselves.
        db.session.rollback()
        try:
            with Session(db.engine) as own, own.begin():
                own.execute(update(LoginSession).where(LoginSession.token_hash == token_hash).values(seen_at=now))
        except DBAPIError as error:  # the page is ready, and a database that takes no writes now shall not keep it from her
            log.warning("device not noted", error=type(error).__name__)
    return response


def of(account_id: int) -> list[LoginSession]:
    """The devices that are signed in now, the last seen first."""
    now = clock.now()
    alive = (LoginSession.expires_at > now) & (LoginSession.seen_at > now - READER_IDLE)
    mine = select(LoginSession).where(LoginSession.account_id == account_id, alive)
    return list(db.session.scalars(mine.order_by(LoginSession.seen_at.desc(), LoginSession.token_hash)))


def end(token_hash: str, account_id: int | None = None) -> bool:
    """End one session (of this account, if given); False when there was none."""
    which = delete(LoginSession).where(LoginSession.token_hash == token_hash)
    if account_id is not None:
        which = which.where(LoginSession.account_id == account_id)
    return bool(_count(which))


def end_all(account_id: int, but: str | None = None) -> int:
    """Sign every device of an account out, but perhaps one (its hash); answers how many."""
    which = delete(LoginSession).where(LoginSession.account_id == account_id)
    return _count(which.where(LoginSession.token_hash != but) if but else which)


def end_everyones() -> str:
    """After a backup was restored: sessions that were ended since would be alive again, so all end."""
    count = _count(delete(LoginSession))
    return f"{count} sessions are ended: everybody signs in anew." if count else ""


def sweep() -> int:
    """Delete rows that can sign nobody in any more (a daily job calls it)."""
    now = clock.now()
    return _count(delete(LoginSession).where((LoginSession.expires_at <= now) | (LoginSession.seen_at <= now - READER_IDLE)))


def _count(statement: Any) -> int:
    done: Any = db.session.execute(statement.execution_options(synchronize_session=False))
    return done.rowcount
