"""Tokens in letters: signatures of a random handle. They lead to a subscription and to nothing else; none signs in.

They live as long as the subscription, because people unsubscribe from old letters. A signature made with a former
SECRET_KEY counts while that key stands among SECRET_KEY_FALLBACKS.
"""

import hashlib
import hmac
import secrets
from datetime import datetime

from itsdangerous import BadData, Signer

from kit.settings import settings
from publishing.domain.newsletter import FILLED_AFTER, FORM_LIVES

HANDLE_BYTES = 16


def new_handle() -> str:
    """128 random bits in 22 characters."""
    return secrets.token_urlsafe(HANDLE_BYTES)


def of_handle(handle: str) -> str:
    """What stands in a letter's links: the handle and its signature, 66 characters of a to z, digits, "-", "_", "."."""
    return _signer("letter").sign(handle).decode()


def handle_of(token: str) -> str | None:
    """The handle, or None for what we did not sign."""
    try:
        return _signer("letter").unsign(token.encode("ascii", "replace")).decode()
    except BadData:
        return None


def new_confirmation() -> tuple[str, str]:
    """(token for the mail, its hash for the table)."""
    token = secrets.token_urlsafe(32)
    return token, hash_of(token)


def hash_of(token: str) -> str:
    """What is stored in place of a confirmation token."""
    return hashlib.sha256(token.encode()).hexdigest()


def network_hash(network: str) -> str:
    """A keyed hash of a network: the same again for the same network, of no use without our key."""
    return hmac.new(settings()["SECRET_KEY"].encode(), b"network:" + network.encode(), hashlib.sha256).hexdigest()[:32]


def form_key(now: datetime) -> str:
    """Proof, in a sign-up form, of when it was shown; it holds nothing of the reader, so shared caches may keep it."""
    return _signer("form").sign(str(int(now.timestamp()))).decode()


def form_fault(key: str, now: datetime) -> str | None:
    """None if a form with this key was filled in by a person's measure; else "missing", "quick" or "old"."""
    try:
        shown = datetime.fromtimestamp(int(_signer("form").unsign(key.encode("ascii", "replace"))), now.tzinfo)
    except (BadData, ValueError, OverflowError):
        return "missing"
    if now - shown < FILLED_AFTER:
        return "quick"
    return "old" if now - shown > FORM_LIVES else None


def _signer(purpose: str) -> Signer:
    keys = [*settings()["SECRET_KEY_FALLBACKS"], settings()["SECRET_KEY"]]
    return Signer(keys, salt=f"newsletter {purpose}", digest_method=hashlib.sha256)
