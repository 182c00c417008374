"""A worker that dies at a chosen moment: nothing after it runs, and what a process frees on its way out stays taken."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from payments import journal, leases

MOMENTS = ("looked", "written", "committed")


class Killed(BaseException):
    """No handler of the product may catch this: a SIGKILL asks nobody."""


@contextmanager
def dying(moment: str) -> Iterator[None]:
    """The first job that comes to ``moment`` dies there: after its look, after its writes, or after its commit.

    ``looked`` and ``written`` are before the commit, so the transaction is lost; its lease stays until it runs out.
    """
    guard, done, free = leases.Held.guard, journal._done, leases._free

    def dead(*_args: Any, **_kwargs: Any) -> None:
        raise Killed

    def written(*args: Any, **kwargs: Any) -> None:
        done(*args, **kwargs)
        raise Killed

    leases._free = lambda _lease: None
    if moment == "looked":
        leases.Held.guard = dead  # type: ignore[method-assign]
    if moment == "written":
        journal._done = written
    try:
        yield
    finally:
        leases.Held.guard, journal._done, leases._free = guard, done, free  # type: ignore[method-assign]
