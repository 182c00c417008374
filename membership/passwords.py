"""Passwords: hashed by argon2 with OWASP's parameters, a few at a time, in the same time whether an account exists."""

import os
import threading
from collections.abc import Generator
from contextlib import contextmanager

from flask import Flask, current_app
from flask_security.proxies import _security
from flask_security.utils import hash_password, verify_password
from werkzeug.exceptions import TooManyRequests

from kit.settings import settings
from membership.domain import passwords

# OWASP's minimum: 19 MiB, two passes, one lane. About 25 ms of one core.
HASHING = {
    "SECURITY_PASSWORD_HASH": "argon2",
    "SECURITY_PASSWORD_SCHEMES": ["argon2"],
    "SECURITY_PASSWORD_SINGLE_HASH": True,
    "SECURITY_PASSWORD_HASH_PASSLIB_OPTIONS": {
        "argon2__type": "ID",
        "argon2__memory_cost": 19456,
        "argon2__rounds": 2,
        "argon2__parallelism": 1,
    },
}
PATIENCE = 3.0  # seconds in the queue for a core


class Busy(TooManyRequests):
    """All cores are checking passwords: come back in a moment. Reading goes on meanwhile."""


def init_app(app: Flask) -> None:
    """As many at once as this process has cores, so that a flood of sign-ins leaves readers theirs."""
    cores = max(1, (os.cpu_count() or 2) // max(1, app.config["WEB_CONCURRENCY"]))
    app.extensions["password_slots"] = threading.BoundedSemaphore(cores)
    app.extensions["password_decoy"] = None


@contextmanager
def _slot() -> Generator[None]:
    slots: threading.BoundedSemaphore = current_app.extensions["password_slots"]
    if not slots.acquire(timeout=PATIENCE):
        raise Busy(retry_after=5)
    try:
        yield
    finally:
        slots.release()


def objection(password: str, email: str = "") -> str | None:
    """Why this may not be a password here; see domain/passwords.objection."""
    return passwords.objection(password, site=settings()["SITE_NAME"], email=email)


def hashed(password: str) -> str:
    """The hash to store. Raises Busy."""
    with _slot():
        return hash_password(passwords.normal(password))


def matches(password: str, stored: str | None) -> bool:
    """Is it the password whose hash is ``stored``? Without a hash it takes as long and is not. Raises Busy."""
    if len(password) > passwords.LONGEST:
        return False
    with _slot():
        return verify_password(passwords.normal(password), stored or _decoy()) and stored is not None


def outdated(stored: str) -> bool:
    """Was it made with parameters that are no longer ours?"""
    return _security.pwd_context.needs_update(stored)


def _decoy() -> str:
    """A hash that no password fits in practice: the time of an unknown address is the time of a known one."""
    if current_app.extensions["password_decoy"] is None:
        current_app.extensions["password_decoy"] = hash_password(os.urandom(32).hex())
    return current_app.extensions["password_decoy"]
