"""The paywall: standing and meter in one look-up each, then the rule; a metered read is recorded."""

import secrets
from typing import Any

from flask import g, request
from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy import func, select

from kit import clock
from kit.database import alone, begin_write, db, insert_ignoring
from kit.formats import local
from kit.settings import settings
from membership import memberships
from membership.domain import paywall
from membership.domain.paywall import Access, Meter
from membership.models import Account, Membership, MeterRead
from membership.readers import Reader

COOKIE = "visitor"


def open_article(access: str, article_id: int, reader: Any) -> Access:
    """How much of this article ``reader`` may see now; see domain/paywall.Access.

    ``reader`` is who readers.reader() or Flask-Login says she is: a Reader, an Account, an anonymous user or None.

    For a metered article it reads the visitor's count and, when that opens the article, records it and commits: the
    one write of a page that otherwise only reads.
    """
    if access == "free":
        return paywall.decide(access, entitled=False, staff=False, meter=Meter(0, 0))
    known = bool(getattr(reader, "is_authenticated", False))
    entitled = known and memberships.is_entitled(membership_of(reader.id), clock.now())
    staff = known and reader.is_staff
    if access != "metered" or entitled or staff:
        return paywall.decide(access, entitled=entitled, staff=staff, meter=Meter(0, 0))
    return _metered(article_id, reader if known else None)


def membership_of(account_id: int) -> Membership | Reader | None:
    """The one small row, looked up once a request (readers.reader() brings it along)."""
    if "membership" not in g or g.membership[0] != account_id:
        g.membership = (account_id, db.session.get(Membership, account_id))
    return g.membership[1]


def _metered(article_id: int, account: Account | Reader | None) -> Access:
    limit = settings()["METER_LIMIT"]
    visitor = f"account:{account.public_id}" if account else _visitor()
    month = local(clock.now()).strftime("%Y-%m")
    if visitor is None:
        # No row for a first view: it is written when the cookie comes back (safety P08). The cookie carries it.
        g.visitor_cookie = _signer().dumps([secrets.token_hex(16), month, article_id])
        return paywall.decide("metered", entitled=False, staff=False, meter=Meter(0, limit))
    found = _count(visitor, month, article_id)
    verdict = paywall.decide("metered", entitled=False, staff=False, meter=found)
    if verdict.level == "metered" and not found.seen:
        begin_write()
        alone(f"meter:{visitor}")
        # Counted again with nobody beside us: two tabs at the limit do not both pass.
        verdict = paywall.decide("metered", entitled=False, staff=False, meter=_count(visitor, month, article_id))
        if verdict.level != "metered":
            db.session.rollback()
            return verdict
        _record(visitor, month, article_id)
        db.session.commit()
    return verdict


def _count(visitor: str, month: str, article_id: int) -> Meter:
    limit = settings()["METER_LIMIT"]
    mine = (MeterRead.visitor == visitor) & (MeterRead.month == month)
    used, seen = db.session.execute(
        select(func.count(), func.count().filter(MeterRead.article_id == article_id)).select_from(MeterRead).where(mine)
    ).one()
    first = _first_read()
    if first and first[0] == visitor and first[1] == month and not _recorded(visitor, month, first[2]):
        used, seen = used + 1, seen or first[2] == article_id
    return Meter(used, limit, bool(seen))


def _recorded(visitor: str, month: str, article_id: int) -> bool:
    return db.session.get(MeterRead, (visitor, month, article_id)) is not None


def _record(visitor: str, month: str, article_id: int) -> None:
    now = clock.now()
    reads = [{"visitor": visitor, "month": month, "article_id": article_id, "read_at": now}]
    first = _first_read()
    if first and first[0] == visitor and first[1] == month:
        reads.append({"visitor": visitor, "month": month, "article_id": first[2], "read_at": now})
    for read in reads:
        db.session.execute(insert_ignoring(MeterRead).values(**read))


def _signer() -> URLSafeSerializer:
    keys = [*settings()["SECRET_KEY_FALLBACKS"], settings()["SECRET_KEY"]]  # the last one signs
    return URLSafeSerializer(keys, salt="visitor")


def _first_read() -> tuple[str, str, int] | None:
    try:
        visitor, month, article_id = _signer().loads(request.cookies.get(COOKIE, ""))
    except (BadSignature, ValueError, TypeError):
        return None
    return f"visitor:{visitor}", month, article_id


def _visitor() -> str | None:
    first = _first_read()
    return first[0] if first else None


def send_cookie(response: Any) -> Any:
    """After the request: hand out the visitor's id if this was a first metered view."""
    if "visitor_cookie" in g:
        secure = settings()["SESSION_COOKIE_SECURE"]
        response.set_cookie(COOKIE, g.visitor_cookie, max_age=40 * 24 * 3600, httponly=True, samesite="Lax", secure=secure)
    return response
