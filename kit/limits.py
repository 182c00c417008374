"""Rate limits on our own database by default, so that ten tries are ten however many workers there are.

Redis takes over where REDIS_URL is set (several machines). The limiter checks before the view begins, hence before
the view's own transaction: with SQLite's single writer the other order would wait for itself.
"""

import hashlib
from typing import Any

import idna
from flask import Flask, has_request_context, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from limits.storage import Storage
from sqlalchemy import BigInteger, Float, Index, String, case, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from kit import clock
from kit.database import Model, db, reading


class RateCount(Model):
    """How often a key was hit in its window; ``expires_at`` in seconds since 1970."""

    __tablename__ = "rate_count"
    __table_args__ = (Index("ix_rate_count_expires_at", "expires_at"),)

    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    hits: Mapped[int] = mapped_column(BigInteger, default=0)
    expires_at: Mapped[float] = mapped_column(Float)


def _hit(dialect: str, key: str, amount: int, now: float, ends: float) -> Any:
    """Count in one statement, so that the first tries of a window, all at once, are not taken for one."""
    from sqlalchemy.dialects import postgresql, sqlite

    new = (sqlite.insert if dialect == "sqlite" else postgresql.insert)(RateCount).values(key=key, hits=amount, expires_at=ends)
    over = RateCount.expires_at <= now
    values = {
        "hits": case((over, new.excluded.hits), else_=RateCount.hits + new.excluded.hits),
        "expires_at": case((over, new.excluded.expires_at), else_=RateCount.expires_at),
    }
    return new.on_conflict_do_update(index_elements=["key"], set_=values).returning(RateCount.hits)


class DatabaseStorage(Storage):
    """Fixed windows counted in ``rate_count``, each hit in a short transaction of its own."""

    STORAGE_SCHEME = ["wellspring"]

    def __init__(self, uri: str | None = None, wrap_exceptions: bool = False, **options: Any) -> None:
        super().__init__(uri, wrap_exceptions=wrap_exceptions, **options)

    @property
    def base_exceptions(self) -> type[Exception]:
        from sqlalchemy.exc import SQLAlchemyError

        return SQLAlchemyError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        now = clock.now().timestamp()
        if has_request_context():
            # What the guards have read (who is asking) may hold SQLite's one write lock: let go of it, or we wait for ourselves.
            db.session.rollback()
        with Session(db.engine) as own, own.begin():
            return own.execute(_hit(db.engine.dialect.name, key, amount, now, now + expiry)).scalar_one()

    def get(self, key: str) -> int:
        with reading(), Session(db.engine) as own:
            row = own.get(RateCount, key)
            return row.hits if row and row.expires_at > clock.now().timestamp() else 0

    def get_expiry(self, key: str) -> float:
        with reading(), Session(db.engine) as own:
            row = own.get(RateCount, key)
            return row.expires_at if row else clock.now().timestamp()

    def check(self) -> bool:
        with Session(db.engine) as own:
            own.execute(select(RateCount.key).limit(1))
        return True

    def reset(self) -> int | None:
        with Session(db.engine) as own, own.begin():
            forgotten: Any = own.execute(delete(RateCount))
            return forgotten.rowcount

    def clear(self, key: str) -> None:
        with Session(db.engine) as own, own.begin():
            own.execute(delete(RateCount).where(RateCount.key == key))


def sweep_limits() -> None:
    """Forget windows that are over (a daily job calls it)."""
    db.session.execute(delete(RateCount).where(RateCount.expires_at < clock.now().timestamp()))


def client_network() -> str:
    """The reader's address for limits: an IPv6 network of 64 bits counts as one."""
    import ipaddress

    try:
        address = ipaddress.ip_address(get_remote_address() or "127.0.0.1")
    except ValueError:
        return "unknown"
    return str(address) if address.version == 4 else str(ipaddress.ip_network(f"{address}/64", strict=False))


def form_email() -> str:
    """The e-mail typed into this form, folded so that case, +tags and a domain in other letters do not buy more tries.

    Hashed: what people type may be longer than a key, or hold a NUL, and is nobody's business in a table of counts.
    """
    local, _, domain = request.form.get("email", "").strip().casefold().partition("@")
    folded = f"{local.partition('+')[0]}@{_domain(domain)}"
    return hashlib.sha256(folded.encode(errors="surrogatepass")).hexdigest()[:32]


def _domain(typed: str) -> str:
    """As mail servers are asked for it (UTS 46), like the key of an account; what is no domain stays as it is."""
    try:
        return idna.encode(typed.rstrip("."), uts46=True).decode()
    except idna.IDNAError:
        return typed


limiter = Limiter(key_func=client_network, headers_enabled=True, strategy="fixed-window")


def init_app(app: Flask) -> None:
    """Storage by settings; a storage that fails closes the door (sign-in, mail, checkout), reading is not limited."""
    app.config.setdefault("RATELIMIT_STORAGE_URI", app.config["REDIS_URL"] or "wellspring://")
    app.config.setdefault("RATELIMIT_SWALLOW_ERRORS", False)
    limiter.init_app(app)
    _only_where_limited(app)


def _only_where_limited(app: Flask) -> None:
    """Keep the library off the pages that have no limit, where its three hooks weigh a tenth of an article's page.

    A limit of ours is declared at its view, and the declaration itself checks it; the first hook is for limits on the
    whole application, of which there are none.
    """
    app.before_request_funcs[None].pop()
    after: Any = app.after_request_funcs[None].pop()
    teardown: Any = app.teardown_request_funcs[None].pop()
    app.after_request(lambda response: after(response) if is_limited(app, request.endpoint) else response)
    app.teardown_request(lambda error: teardown(error) if is_limited(app, request.endpoint) else None)


def is_limited(app: Flask, endpoint: str | None) -> bool:
    """Does this endpoint's view carry a limit? (The mark is the one that the library leaves for itself.)"""
    return hasattr(app.view_functions.get(endpoint or ""), "__wrapper-limiter-instance")
