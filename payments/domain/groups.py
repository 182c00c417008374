"""Groups: how many seats may be asked for, who has one when there are fewer than were claimed, and whom one may invite. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from kit.problems import Problem, Refused, mark
from membership.domain import emails

LEAST = 2
INVITATION = timedelta(days=30)
LONGEST_LIST = 100  # addresses in one go

SEATS_WRONG = mark("Enter a number of seats, such as 5.")
SEATS_FEW = mark("A group has at least %(least)s seats.")
SEATS_USED = mark("%(used)s seats are taken or offered. Take some back first.")
SEATS_MANY = mark("At most %(most)s seats can be bought here. Write to us for more.")
NOBODY = mark("Enter an e-mail address, or several: one a line.")
ADDRESSES_WRONG = mark("Not an e-mail address: %(wrong)s")
ADDRESSES_KNOWN = mark("Invited already: %(known)s")
FULL = mark("Free seats: %(free)s. Addresses that you entered: %(count)s. Buy more seats below, or take some back.")
OWNER = mark("%(wrong)s pays for the group and reads without a seat.")


class Claimed(Protocol):
    """A claimed seat."""

    @property
    def id(self) -> int: ...
    @property
    def claimed_at(self) -> datetime | None: ...


S = TypeVar("S", bound=Claimed)


def seats(typed: str, most: int, used: int = 0) -> int:
    """How many seats were asked for. Raises Refused (seats). ``used``: what is taken or offered already."""
    plain = typed.strip()
    if not (plain.isascii() and plain.isdigit() and len(plain) <= 6):
        raise _refused("seats", SEATS_WRONG)
    count = int(plain)
    if count < LEAST:
        raise _refused("seats", SEATS_FEW, least=LEAST)
    if count < used:
        raise _refused("seats", SEATS_USED, used=used)
    if count > most:
        raise _refused("seats", SEATS_MANY, most=most)
    return count


def with_a_place(claimed: Iterable[S], paid: int) -> tuple[Sequence[S], Sequence[S]]:
    """(who has a place, who has none) of the claimed seats when ``paid`` are paid for: who came first stays.

    Nothing is forgotten: when more are paid for again, who lost a place has it back.
    """
    ordered = sorted(claimed, key=lambda seat: (seat.claimed_at is None, seat.claimed_at, seat.id))
    return ordered[: max(0, paid)], ordered[max(0, paid) :]


def addresses(typed: str, free: int, known: Iterable[str], owner: str = "") -> list[tuple[str, str]]:
    """(address, key) of each that was typed, with spaces, commas or lines between; the same twice is one. Raises Refused (emails).

    ``known``: keys of who has a seat or an invitation; ``owner``: the key of who pays, and needs none.
    """
    found: dict[str, str] = {}
    wrong = []
    for word in typed.replace(",", " ").replace(";", " ").split()[: LONGEST_LIST * 4]:
        try:
            email, key = emails.parse(word)
        except emails.NotAnAddress:
            wrong.append(word[:60])
            continue
        found.setdefault(key, email)
    if wrong:
        raise _refused("emails", ADDRESSES_WRONG, wrong=", ".join(wrong[:5]))
    if not found:
        raise _refused("emails", NOBODY)
    if owner in found:
        raise _refused("emails", OWNER, wrong=found[owner])
    again = [found[key] for key in known if key in found]
    if again:
        raise _refused("emails", ADDRESSES_KNOWN, known=", ".join(again[:5]))
    if len(found) > free:
        raise _refused("emails", FULL, free=max(0, free), count=len(found))
    return [(email, key) for key, email in found.items()]


def _refused(field: str, text: str, **values: object) -> Refused:
    return Refused({field: Problem(text, tuple(values.items()))})
