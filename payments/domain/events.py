"""An event reduced to what we take from it: who knocked, and about which object. Never any state."""

import re
from dataclasses import dataclass
from typing import Any

from payments.domain.signatures import Refusal

_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")
_EVENT_ID = re.compile(r"evt_[A-Za-z0-9_-]{1,90}")
_TYPE = re.compile(r"[a-z0-9_.]{1,100}")
_LARGEST_TIME = 1 << 40


@dataclass(frozen=True, slots=True)
class Knock:
    """One event's names. ``created`` is in whole seconds and no order; ``account`` is "" for our own account."""

    account: str
    event_id: str
    type: str
    object_id: str | None
    customer_id: str | None
    created: int
    livemode: bool
    api_version: str | None

    @property
    def lease_key(self) -> str:
        """What is looked at by one worker at a time: the Customer, or the object that has none."""
        return self.customer_id or self.object_id or self.event_id


def knock(event: dict[str, Any]) -> Knock:
    """The names in a signed event. Raises Refusal for an object that is no event; odd parts inside it become None."""
    event_id, kind = event.get("id"), event.get("type")
    if not _matches(_EVENT_ID, event_id) or not _matches(_TYPE, kind):
        raise Refusal("not-an-event")
    data = event.get("data")
    about = data.get("object") if isinstance(data, dict) else None
    # A thin event (v2) has no object and says whose it is by ``context``; at this address it is kept and ignored.
    about = about if isinstance(about, dict) else {}
    created, version = event.get("created"), event.get("api_version")
    object_id = _id(about.get("id"))
    return Knock(
        account=_id(event.get("account")) or _id(event.get("context")) or "",
        event_id=str(event_id),
        type=str(kind),
        object_id=object_id,
        customer_id=object_id if about.get("object") == "customer" else _customer(about),
        created=created if type(created) is int and 0 <= created < _LARGEST_TIME else 0,
        livemode=event.get("livemode") is True,
        api_version=version[:40] if isinstance(version, str) and version.isascii() and version.isprintable() else None,
    )


def foreign(found: Knock, *, live: bool, account: str) -> str | None:
    """Why this event is not ours to apply, or None. ``live``: our key is a live one; ``account``: the one we act for, or ""."""
    if found.livemode != live:
        return "live event in a test environment" if found.livemode else "test event in a live environment"
    if found.account and found.account != account:
        return "event of another account"
    return None


def is_id(text: str) -> bool:
    """Could this be an id of Stripe's (or a plan's key)? What cannot need not be looked up; PostgreSQL refuses a NUL."""
    return _matches(_ID, text)


def _matches(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _id(value: Any) -> str | None:
    return value if _matches(_ID, value) else None


def _customer(about: dict[str, Any]) -> str | None:
    found = about.get("customer")
    return _id(found.get("id") if isinstance(found, dict) else found)
