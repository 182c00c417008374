"""The place in a listing, as it stands in an address: microseconds since 1970 and an id, "1763622000000000-42"."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import abort, request, url_for

from publishing.listings import Key

PAGE_SIZE = 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PLACE = re.compile(r"([0-9]{1,16})-([0-9]{1,9})", re.ASCII)


def place() -> Key | None:
    """Where this page begins, from ``?after=``; 404 for what no page of ours says."""
    said = request.args.get("after")
    if said is None:
        return None
    parts = _PLACE.fullmatch(said)
    if not parts:
        abort(404)
    return _EPOCH + timedelta(microseconds=int(parts[1])), int(parts[2])


def older(endpoint: str, following: Key | None, **values: Any) -> str | None:
    """The address of the next page, or None at the end."""
    if following is None:
        return None
    microseconds = (following[0] - _EPOCH) // timedelta(microseconds=1)
    return url_for(endpoint, after=f"{microseconds}-{following[1]}", **values)
