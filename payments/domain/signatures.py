"""A webhook's body and signature header: what they may look like, and whether one signs the other.

The SDK's own check takes one secret, accepts any time in the future and lets TypeError, ValueError, AttributeError and
RecursionError out, each of which would be an answer of 500 that a stranger can cause (docs/decisions/0014-webhook-door.md).
That this one accepts nothing else than the SDK's does is a property in tests/payments/test_webhook.py.
"""

import hmac
import json
import re
from collections.abc import Sequence
from typing import Any

LARGEST = 1024 * 1024  # bytes; Stripe's events stay below about 100 kB
LONGEST_HEADER = 1024
TOLERANCE = 300  # seconds, both ways: a clock that is fast is as wrong as a replay

_HEADER = re.compile(r"[A-Za-z0-9_=,. \t-]+")
_TIMESTAMP = re.compile(r"(?:^|,)\s*t=(\d{1,12})(?=,|\s*$)")


class Refusal(ValueError):
    """The request is not Stripe's, or not an event. ``name`` is short and fixed (a metric's label), ``status`` HTTP's."""

    def __init__(self, name: str, status: int = 400) -> None:
        super().__init__(name)
        self.name, self.status = name, status


class OutOfTime(Refusal):
    """Stripe's own, and signed more than TOLERANCE seconds before or after what our clock says: an old post that somebody
    sends once more, or our clock is wrong. ``event`` is what was signed, ``seconds`` how far our clock is ahead of that."""

    def __init__(self, name: str, event: dict[str, Any], seconds: float) -> None:
        super().__init__(name)
        self.event, self.seconds = event, seconds


def signed_at(header: str | None) -> int:
    """The header's timestamp in seconds since 1970. Refuses a header that is absent, long, odd or says two times."""
    if not header:
        raise Refusal("no-signature")
    if len(header) > LONGEST_HEADER or not header.isascii() or not _HEADER.fullmatch(header):
        raise Refusal("odd-signature")
    stamps = _TIMESTAMP.findall(header)
    if len(stamps) != 1:
        raise Refusal("odd-signature")
    return int(stamps[0])


def check_age(stamp: int, now: float) -> None:
    """Refuse what was signed more than TOLERANCE seconds ago, or as far in the future."""
    if abs(now - stamp) > TOLERANCE:
        raise Refusal("stale-signature" if stamp < now else "future-signature")


def verified(body: bytes, header: str | None, secrets: Sequence[str], now: float) -> tuple[dict[str, Any], int]:
    """The event in a signed body, and which of the ``secrets`` signed it (0 is the first: they rotate).

    ``now`` in seconds since 1970. Raises Refusal, never anything else, for whatever a stranger may send; OutOfTime where
    everything but the time is right.
    """
    if len(body) > LARGEST:
        raise Refusal("too-large", 413)
    stamp, by = signed_by(body, header, secrets, now)
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refusal("not-utf8") from error
    event = parse(text)
    try:
        check_age(stamp, now)
    except Refusal as odd:
        raise OutOfTime(odd.name, event, now - stamp) from odd
    return event, by


def signed_by(body: bytes, header: str | None, secrets: Sequence[str], now: float) -> tuple[int, int]:
    """When it was signed, and which of the ``secrets`` did. Refuses what none of them signed, however old; the age of what
    one did sign is not looked at."""
    stamp = signed_at(header)
    by = signer(body, header or "", stamp, secrets)
    if by is None:
        check_age(stamp, now)
        raise Refusal("wrong-signature")
    return stamp, by


def signer(body: bytes, header: str, stamp: int, secrets: Sequence[str]) -> int | None:
    """The place of the first secret by which one of the header's v1 signatures is this body's, or None."""
    offered = [part[3:] for part in header.split(",") if part.startswith("v1=")]
    message = b"%d.%b" % (stamp, body)
    for place, secret in enumerate(secrets):
        if not secret.strip():
            continue  # with an empty key anybody could sign
        wanted = hmac.digest(secret.encode(), message, "sha256").hex()
        if any(hmac.compare_digest(wanted, one) for one in offered):
            return place
    return None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def parse(text: str) -> dict[str, Any]:
    """The JSON object of a signed body. Refuses everything that is none, however deep it is nested."""
    try:
        found = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Refusal("not-json") from error
    if not isinstance(found, dict):
        raise Refusal("not-an-object")
    return found
