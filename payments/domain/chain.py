"""The chain over the journal: each link's value follows from the one before and from one event, as it was told.

Who keeps the newest value (the head) somewhere else can tell later whether anything before it was changed, left out,
put in or moved, because no other journal leads to the same value.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

GENESIS = hashlib.sha256(b"wellspring journal").hexdigest()  # what the first link follows


@dataclass(frozen=True, slots=True)
class Link:
    """A link as it is kept: its place (from 1), the event it names, the event's digest, the chain's value here."""

    position: int
    account: str
    event_id: str
    digest: str
    chain: str


@dataclass(frozen=True, slots=True)
class Misfit:
    """The first place that does not fit: its position, its event, and why."""

    position: int
    event_id: str
    why: str

    def __str__(self) -> str:
        return f"link {self.position} ({self.event_id}): {self.why}"


@dataclass(frozen=True, slots=True)
class Late:
    """Links, from ``first`` to ``last``, that were sealed up to ``by`` after their events came."""

    first: int
    last: int
    by: timedelta

    def __str__(self) -> str:
        which = f"link {self.first} was" if self.first == self.last else f"links {self.first} to {self.last} were"
        return f"{which} sealed up to {self.by.total_seconds() / 3600:.1f} hours late"


def note(late: list[Late], position: int, by: timedelta) -> None:
    """Add a link that was sealed late to the list: to the last of it if it follows that."""
    if late and late[-1].last == position - 1:
        late[-1] = Late(late[-1].first, position, max(by, late[-1].by))
    else:
        late.append(Late(position, position, by))


def digest(account: str, event_id: str, body: str) -> str:
    """SHA-256 of one event, in hexadecimal: account and id a line each (neither can hold a line's end), then the raw body."""
    return hashlib.sha256(f"{account}\n{event_id}\n{body}".encode()).hexdigest()


def follow(chain: str, digest: str) -> str:
    """The chain's next value."""
    return hashlib.sha256(bytes.fromhex(chain) + bytes.fromhex(digest)).hexdigest()


def links(position: int, chain: str, told: Iterable[tuple[str, str, str]]) -> Iterator[Link]:
    """The links of these events (account, id, body) after the one at ``position`` with the value ``chain``."""
    for account, event_id, body in told:
        position, mark = position + 1, digest(account, event_id, body)
        chain = follow(chain, mark)
        yield Link(position, account, event_id, mark, chain)


def misfit(position: int, chain: str, link: Link, body: str | None) -> Misfit | None:
    """Does this link follow the one at ``position`` with the value ``chain``, and is its event (None: gone) as it was told?"""
    if link.position != position + 1:
        return Misfit(position + 1, link.event_id, f"the link is missing; the next one is {link.position}")
    if link.chain != follow(chain, link.digest):
        return Misfit(link.position, link.event_id, "the link does not follow the one before: inserted, altered or moved")
    if body is None:
        return Misfit(link.position, link.event_id, "the event is missing")
    if link.digest != digest(link.account, link.event_id, body):
        return Misfit(link.position, link.event_id, "the event's body is not the one that was told")
    return None
