"""What a webhook's body and signature header may look like before anything is computed from them.

The SDK's own check takes one secret, accepts any time in the future and lets TypeError, ValueError, AttributeError and
RecursionError out, each of which would be an answer of 500 that a stranger can cause (docs/decisions/0014-webhook-door.md).
"""

import json
import re
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
