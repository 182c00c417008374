"""Accounts: one a person. Readers have no role; staff have exactly one."""

import secrets
from datetime import datetime
from typing import Any

from flask_security.core import UserMixin
from sqlalchemy import CheckConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Model, UTCDateTime

ROLES = ("owner", "editor", "finance", "support")


def new_public_id() -> str:
    """128 random bits: nobody can count or guess accounts by it."""
    return secrets.token_hex(16)


class Account(Model, UserMixin):
    """A person who can sign in (or could, after proving her address).

    ``email`` is where mail goes, as she typed it; ``email_key`` is what makes it unique (domain/emails.py).
    ``confirmed_at`` is when she proved the address. Before that an account may have a role, a grant or a membership, and
    nobody can sign in to it but by a link to its address. ``password`` is an argon2 hash; none before the proof (what was
    typed at a sign-up waits in account_token), none for who signs in by mail alone.
    """

    __tablename__ = "account"
    __table_args__ = (
        CheckConstraint("role in ('owner', 'editor', 'finance', 'support')", name="role"),
        CheckConstraint("password is null or confirmed_at is not null", name="proven_password"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True, default=new_public_id)
    email: Mapped[str] = mapped_column(String(320))
    email_key: Mapped[str] = mapped_column(String(320), unique=True)
    name: Mapped[str] = mapped_column(String(200), default="")
    password: Mapped[str | None] = mapped_column(String(255))
    active: Mapped[bool] = mapped_column(default=True)
    fs_uniquifier: Mapped[str] = mapped_column(String(64), unique=True, default=lambda: secrets.token_hex(32))
    confirmed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    role: Mapped[str | None] = mapped_column(String(10))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    # Set by sessions.sign_in for the moment at which Flask-Login asks; no column.
    session_token = ""

    def get_id(self) -> str:
        """What goes into the cookie: the token of the session that begins now (Flask-Login's alternative id).

        Raises LookupError outside of that moment: a cookie without a row in login_session would be worth nothing.
        """
        if not self.session_token:
            raise LookupError("sign in through membership.sessions.sign_in")
        return self.session_token

    @property
    def roles(self) -> list[Any]:  # ty: ignore[incompatible-property-override]
        """Flask-Security's word; our guards ask ``role`` (one a person, no table of its own)."""
        return []

    @property
    def is_staff(self) -> bool:
        """Does this person work here?"""
        return self.role is not None
