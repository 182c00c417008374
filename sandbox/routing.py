"""Which function answers which path. Resources register themselves on import."""

import dataclasses
import re
from collections.abc import Callable
from typing import Any

from sandbox.errors import StripeError
from sandbox.world import World


class Given(dict):
    """Parameters that know which of them were looked at.

    A parameter that Stripe knows and the handler never asked for would be accepted
    and forgotten; the caller is told instead.
    """

    def __init__(self, values: dict):
        super().__init__(values)
        self.asked: set[str] = set()

    def __getitem__(self, key: str):
        self.asked.add(key)
        return super().__getitem__(key)

    def get(self, key: Any, default: Any = None) -> Any:
        self.asked.add(key)
        return super().get(key, default)

    def __contains__(self, key: object) -> bool:
        self.asked.add(str(key))
        return super().__contains__(key)

    def items(self):
        self.asked |= set(self)
        return super().items()

    def some(self, *names: str) -> dict:
        """Those of the names that were given."""
        return {name: self[name] for name in names if name in self}

    def tolerate(self, *names: str) -> None:
        """Let these pass without effect."""
        self.asked.update(names)

    def forgotten(self) -> list[str]:
        return sorted(set(self) - self.asked)


@dataclasses.dataclass
class Call:
    """One API call, its parameters checked and typed."""

    world: World
    method: str
    path: str
    args: dict[str, str]
    params: Given

    @property
    def id(self) -> str:
        return self.args["id"]


Handler = Callable[[Call], dict]


@dataclasses.dataclass(frozen=True)
class Route:
    method: str
    template: str
    pattern: re.Pattern
    handler: Handler


_ROUTES: list[Route] = []


def route(method: str, template: str) -> Callable[[Handler], Handler]:
    """Register a handler: `@route("POST", "/v1/customers/{id}")`."""
    pattern = re.compile("^" + re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template) + "$")

    def register(handler: Handler) -> Handler:
        _ROUTES.append(Route(method, template, pattern, handler))
        # A fixed word wins over an id: /customers/search over /customers/{id}.
        _ROUTES.sort(key=lambda r: r.template.count("{"))
        return handler

    return register


def find(method: str, path: str) -> tuple[Route, dict[str, str]]:
    """The route and its ids, or Stripe's 404 for an unrecognised URL."""
    for candidate in _ROUTES:
        match = candidate.pattern.match(path)
        if match and candidate.method == method:
            return candidate, match.groupdict()
    raise StripeError(
        f"Unrecognized request URL ({method}: {path}). If you are trying to list objects, remove "
        "the trailing slash. If you are trying to retrieve an object, make sure you passed a "
        "valid (non-empty) identifier in your code.",
        status=404,
    )


def surface() -> list[tuple[str, str]]:
    """Every (method, path) the sandbox answers, for its documentation and tests."""
    return sorted((r.method, r.template) for r in _ROUTES)
