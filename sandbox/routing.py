"""Which function answers which path. Resources register themselves on import."""

import dataclasses
import re
from collections.abc import Callable, Iterator
from typing import Any

from sandbox.errors import StripeError
from sandbox.world import World


class Given(dict):
    """Parameters that know which of them were looked at, at every depth.

    A parameter that Stripe knows and the handler never asked for would be accepted
    and forgotten; the caller is told instead. Whoever copies a hash (`dict(given)`, `given | {}`, `plain`) looked at all of it.
    """

    def __init__(self, values: dict):
        super().__init__({name: _watched(value) for name, value in values.items()})
        self.asked: set[str] = set()
        self.tolerated: set[str] = set()

    def __iter__(self):
        # Being overridden it makes copies ask for each value, as `plain` does for those inside.
        return super().__iter__()

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

    def values(self):
        self.asked |= set(self)
        return super().values()

    def some(self, *names: str) -> dict:
        """Those of the names that were given."""
        return {name: self[name] for name in names if name in self}

    def tolerate(self, *names: str) -> None:
        """Let these pass without effect, and all that is inside them."""
        self.tolerated.update(names)

    def forgotten(self) -> list[str]:
        """Names such as `items[0][tax_rates]`. What was not looked at at all is named whole."""
        return sorted(self._forgotten(""))

    def _forgotten(self, prefix: str) -> Iterator[str]:
        for key, value in super().items():
            name = f"{prefix}[{key}]" if prefix else str(key)
            if key in self.tolerated:
                continue
            if key not in self.asked:
                yield name
                continue
            inner = {f"{name}[{i}]": entry for i, entry in enumerate(value)} if isinstance(value, list) else {name: value}
            for place, entry in inner.items():
                if isinstance(entry, Given):
                    yield from entry._forgotten(place)


def _watched(value: Any) -> Any:
    if isinstance(value, list):
        return [_watched(entry) for entry in value]
    return Given(value) if isinstance(value, dict) else value


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
