"""What an event's handler is: a look at Stripe and a write of what was seen, kept apart by a transaction's beginning."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, eq=False, slots=True)
class Handler:
    """``look(object_id)`` asks Stripe while no transaction is open; ``write(seen)`` runs in one and never commits.

    The same object seen twice must be written to the same effect: events come twice, late and in any order.
    ``lease``: what else only one may look at at a time, for a look at more than the object that was named.
    """

    look: Callable[[str], Any]
    write: Callable[[Any], Any]
    lease: str | None = None
