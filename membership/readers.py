"""Who reads this page, and her membership: one look-up for both, by a statement that was built once.

The pages that everybody reads ask here and not Flask-Login's ``current_user``, which loads the whole account as an
object: a third of what an article's page costs. What signs somebody in is the same row, under the same conditions
(sessions.LIVE); ``current_user`` stays the word of every door that does something for the person.
"""

from datetime import datetime
from typing import Any, NamedTuple

from flask import g, session
from sqlalchemy import bindparam, select

from kit import clock
from kit.statements import Prepared
from membership import sessions
from membership.models import Account, LoginSession, Membership


class Reader(NamedTuple):
    """As much of an account, its session and its membership as a page needs. Instants are aware."""

    id: int
    public_id: str
    role: str | None
    token_hash: str
    seen_at: datetime
    access_from: datetime | None
    access_until: datetime | None

    is_authenticated = True

    @property
    def is_staff(self) -> bool:
        """Does this person work here?"""
        return self.role is not None


_account, _login, _membership = Account.__table__, LoginSession.__table__, Membership.__table__
_reader = Prepared(
    lambda: (
        select(
            *(_account.c.id, _account.c.public_id, _account.c.role),
            *(_login.c.token_hash, _login.c.seen_at),
            *(_membership.c.access_from, _membership.c.access_until),
        )
        .select_from(
            _login.join(_account, _login.c.account_id == _account.c.id).outerjoin(_membership, _membership.c.account_id == _account.c.id)
        )
        .where(_login.c.token_hash == bindparam("token_hash"), *sessions.live(_login.c, _account.c))
    )
)


def reader() -> Any:
    """Who is signed in, or None for a visitor; asked once a request. An Account where something loaded it already."""
    if "_login_user" in g:
        return g._login_user if g._login_user.is_authenticated else None
    if "reader" not in g:
        g.reader = _look()
    return g.reader


def _look() -> Reader | None:
    token = session.get("_user_id")
    if not token:
        return None
    now = clock.now()
    found = _reader.one(token_hash=sessions.digest(str(token)), now=now, idle_since=now - sessions.READER_IDLE)
    if found is None:
        return None
    who = Reader(*found)
    g.session_seen = (who.token_hash, who.seen_at)
    g.membership = (who.id, who)
    return who
