"""Stripe's form encoding: `a[b][0][c]=1` to nested dicts and back-filled lists."""

import re
from collections.abc import Iterable

from sandbox.errors import StripeError

_KEY = re.compile(r"^([^\[\]]+)((?:\[[^\[\]]*\])*)$")


def nested(pairs: Iterable[tuple[str, str]]) -> dict:
    """Pairs in their order to a nested dict; `a[]` counts up like `a[0]`, `a[1]`."""
    root: dict = {}
    for name, value in pairs:
        match = _KEY.match(name)
        if match is None:
            raise StripeError.invalid(f"Invalid parameter name: {name}", name)
        keys = [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])]
        node = root
        for depth, key in enumerate(keys):
            if key == "":
                key = str(len(node))
            if depth == len(keys) - 1:
                node[key] = value
                break
            child = node.setdefault(key, {})
            if not isinstance(child, dict):
                raise StripeError.invalid(f"Invalid parameter: {name}", name)
            node = child
    return root
