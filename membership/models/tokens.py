"""Single-use tokens that travel by e-mail: to verify an address, to sign in, to choose a new password."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Model, UTCDateTime


class AccountToken(Model):
    """Stored hashed, bound to a purpose and an account, spent by a conditional UPDATE: one use, even in a race.

    ``browser_hash`` is of the cookie of the browser that asked; None where any browser may come (staff's first link).
    ``name`` and ``password`` (an argon2 hash) are what was typed at a sign-up: they wait here until the address is proven.
    """

    __tablename__ = "account_token"
    __table_args__ = (
        CheckConstraint("purpose in ('verify', 'sign_in', 'reset')", name="purpose"),
        Index("ix_account_token_account_id", "account_id", "purpose"),
        Index("ix_account_token_expires_at", "expires_at"),
    )

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(10))
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    email_key: Mapped[str] = mapped_column(String(320))
    browser_hash: Mapped[str | None] = mapped_column(String(64))
    next_path: Mapped[str] = mapped_column(String(2000), default="")
    name: Mapped[str] = mapped_column(String(200), default="", server_default="")
    password: Mapped[str | None] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
