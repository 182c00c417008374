"""Signed-in devices, one row each, so that one or all can be ended on the server."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from kit.database import Model, UTCDateTime
from membership.models.accounts import Account


class LoginSession(Model):
    """The cookie holds a random token, this row its SHA-256: a stolen database signs nobody in."""

    __tablename__ = "login_session"
    __table_args__ = (Index("ix_login_session_account_id", "account_id"), Index("ix_login_session_expires_at", "expires_at"))

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    seen_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)
    device: Mapped[str] = mapped_column(String(200), default="")

    account: Mapped[Account] = relationship()
