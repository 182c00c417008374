"""Seeded faults: applications that are broken on purpose. A proof counts only if it finds them.

``with mutated("order-by-created"): ...`` puts one in, by replacing functions of the product by name, from outside; nothing
of the product knows. A new one is a generator function below ``@mutant("its-name", rule=..., caught_by=...)`` in one of the
modules of MODULES; it yields with its fault in place, and its docstring says what is wrong then.
"""

import functools
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

MODULES = ("deliveries", "leasing", "reading", "money", "access", "doors")
HERE = Path(__file__).parent
PutIn = Callable[[], Iterator[None]]


class Faulty(BaseException):
    """The fault itself raised, so it proves nothing. Not an Exception: no handler of the product may take it for its own."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """``breaks`` in words, the ``rule`` that it violates, and the node id of the test that must fail with it."""

    name: str
    breaks: str
    rule: str
    caught_by: str
    put_in: Callable[[], AbstractContextManager[None]]


MUTANTS: dict[str, Mutant] = {}


def mutant(name: str, *, rule: str, caught_by: str) -> Callable[[PutIn], PutIn]:
    """Register a generator function that puts a fault in, yields, and takes it out."""

    def register(put_in: PutIn) -> PutIn:
        assert name not in MUTANTS, name
        MUTANTS[name] = Mutant(name, put_in.__doc__ or "", rule, caught_by, contextmanager(put_in))
        return put_in

    return register


def all_of_them() -> dict[str, Mutant]:
    """Every mutant by its name."""
    for name in MODULES:
        import_module(f"tests.mutants.{name}")
    return MUTANTS


def mutated(name: str) -> AbstractContextManager[None]:
    """The application with this fault, while the block runs."""
    return all_of_them()[name].put_in()


@contextmanager
def swapped(owner: Any, name: str, broken: Any) -> Iterator[None]:
    """``owner.name`` is ``broken`` while the block runs. The name must be there: a fault in nothing would prove nothing."""
    sound = getattr(owner, name)
    setattr(owner, name, _watched(broken) if callable(broken) else broken)
    try:
        yield
    finally:
        setattr(owner, name, sound)


def _watched(broken: Callable[..., Any]) -> Callable[..., Any]:
    """A fault shall be wrong, and not fall over: what it replaces may have changed since it was written."""

    @functools.wraps(broken)
    def called(*args: Any, **kwargs: Any) -> Any:
        try:
            return broken(*args, **kwargs)
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            if len(traceback.extract_tb(error.__traceback__)) == 1 or Path(where.filename).parent == HERE:
                raise Faulty(f"{where.filename}:{where.lineno}: {type(error).__name__}: {error}") from error
            raise

    return called
