"""Check what is asked of the sandbox against the SDK's own parameter types.

`stripe.params` holds a generated TypedDict for every endpoint, and the generated
service classes say which belongs to which path.  An unknown parameter, a missing
one, a wrong type or a word that is not in the enum is a 400, as at Stripe.
"""

import inspect
import re
import types
import typing
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path

import stripe

from sandbox import legacy
from sandbox.errors import StripeError
from sandbox.shapes import namespace, resolve

_IGNORED = frozenset(vars(stripe.RequestOptions).get("__annotations__", {}))
_ENDPOINT = re.compile(
    r'params: (?:Optional\[)?"(?P<type>\w+)"(?:(?!\n    def |\n    async def ).)*?'
    r'_request\(\s*"(?P<method>\w+)",\s*"(?P<path>/v1/[^"]+)"',
    re.DOTALL,
)


@cache
def endpoints() -> dict[tuple[str, str], tuple[str, str]]:
    """(method, path with {} for ids) -> (service module, name of its parameter type)."""
    found = {}
    root = Path(inspect.getfile(stripe)).parent
    for file in sorted(root.glob("**/*_service.py")):
        module = ".".join(("stripe", *file.relative_to(root).with_suffix("").parts))
        for match in _ENDPOINT.finditer(file.read_text("utf-8")):
            path = re.sub(r"\{\w+\}", "{}", match["path"])
            found.setdefault((match["method"], path), (module, match["type"]))
    return found


@cache
def type_of(method: str, path: str) -> type | None:
    """The TypedDict of an endpoint; None for a path that the SDK does not know."""
    entry = endpoints().get((method.lower(), re.sub(r"\{\w+\}", "{}", path)))
    if entry is None:
        return None
    module, name = entry
    __import__(module)
    return typing.cast(type, namespace(module)[name])


@cache
def _fields(cls: type) -> dict[str, object]:
    found: dict[str, object] = {}
    # A TypedDict's parents are not in its __mro__; the generated ones have them in __orig_bases__.
    for base in getattr(cls, "__orig_bases__", ()):
        if hasattr(base, "__annotations__") and base.__name__ != "RequestOptions":
            found |= _fields(base)
    space = namespace(cls.__module__)
    for name, annotation in cls.__annotations__.items():
        if name not in _IGNORED:
            found[name] = resolve(annotation, space)
    return found


def check(method: str, path: str, params: dict, *, pinned: bool = True) -> dict:
    """The parameters as Python values of the declared types.

    Raises StripeError (400) naming the parameter. A path without a type in the
    SDK is passed as it came. Callers that do not pin the SDK's version may use
    older words (legacy.py).
    """
    cls = type_of(method, path)
    if cls is None:
        return params
    extra = {}
    if not pinned:
        params = legacy.modernise(method, path, params)
        kept = legacy.STILL_KNOWN.get((method, path), set())
        extra = {k: v for k, v in params.items() if k in kept}
    known = {k: v for k, v in params.items() if k not in extra}
    return _hash(known, cls, "") | extra


def check_leniently(method: str, path: str, params: dict, *, pinned: bool = True) -> dict:
    """The same with unknown parameters left out (`--lenient`). Raises StripeError for values that cannot be read."""
    while True:
        try:
            return check(method, path, params, pinned=pinned)
        except StripeError as error:
            if error.code != "parameter_unknown" or not _leave_out(params, error.param or ""):
                raise


def _leave_out(params: dict, name: str) -> bool:
    """Take away `a[b][0]`; False when it is not there."""
    *path, last = re.findall(r"[^\[\]]+", name)
    for key in path:
        params = params.get(key, {})
    return params.pop(last, None) is not None


def _named(prefix: str, key: object) -> str:
    return f"{prefix}[{key}]" if prefix else str(key)


def _hash(value: dict, cls: type, name: str) -> dict:
    known = _fields(cls)
    for key in value:
        if key not in known:
            raise StripeError.unknown_parameter(_named(name, key))
    for key, annotation in known.items():
        if key not in value and typing.get_origin(annotation) is not typing.NotRequired:
            raise StripeError.missing_parameter(_named(name, key))
    return {k: _value(v, known[k], _named(name, k)) for k, v in value.items()}


def _value(value: object, annotation: object, name: str) -> object:
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.NotRequired, typing.Required):
        return _value(value, args[0], name)
    if origin in (typing.Union, types.UnionType):
        return _union(value, args, name)
    if origin is typing.Literal:
        if value not in args and not (value == "" and "" in args):
            words = ", ".join(str(a) for a in args if a != "")
            raise StripeError.invalid(f"Invalid {name}: must be one of {words}", name)
        return value
    if origin is list:
        return [_value(v, args[0], _named(name, i)) for i, v in enumerate(_as_list(value, name))]
    if origin is dict:
        return {k: _value(v, args[1], _named(name, k)) for k, v in _as_hash(value, name).items()}
    if getattr(annotation, "__name__", "") == "UntypedStripeObject" or (
        origin is not None and getattr(origin, "__name__", "") == "UntypedStripeObject"
    ):
        return _as_hash(value, name)
    if hasattr(annotation, "__total__"):
        return _hash(_as_hash(value, name), typing.cast(type, annotation), name)
    return _plain(value, annotation, name)


def _union(value: object, choices: tuple, name: str) -> object:
    literals = [c for c in choices if typing.get_origin(c) is typing.Literal]
    words = {word for c in literals for word in typing.get_args(c)} - {""}
    if isinstance(value, str) and str in choices and words and value != "":
        # "Literal['a', 'b']|str" is Stripe's open enum; we hold callers to the words.
        choices = tuple(c for c in choices if c is not str)
    if isinstance(value, dict | list):
        shaped = [c for c in choices if not _is_plain(c)]
        choices = tuple(shaped) or choices
    failure = None
    for choice in sorted(choices, key=lambda c: c is str):
        if choice is type(None):
            continue
        try:
            return _value(value, choice, name)
        except StripeError as error:
            # A complaint from deeper inside is the telling one.
            if failure is None or len(error.param or "") > len(failure.param or ""):
                failure = error
    raise failure or StripeError.invalid(f"Invalid {name}", name)


def _is_plain(choice: object) -> bool:
    return typing.get_origin(choice) is typing.Literal or choice in (str, int, float, bool, Decimal)


def _as_list(value: object, name: str) -> list:
    if isinstance(value, dict) and all(str(k).isdigit() for k in value):
        return [value[k] for k in sorted(value, key=int)]
    if isinstance(value, list):
        return value
    raise StripeError.invalid("Invalid array", name)


def _as_hash(value: object, name: str) -> dict:
    if isinstance(value, dict):
        return value
    raise StripeError.invalid("Invalid object", name)


def _plain(value: object, annotation: object, name: str) -> object:
    if not isinstance(value, str):
        raise StripeError.invalid("Invalid string", name)
    if annotation is int:
        if not re.fullmatch(r"-?\d{1,18}", value):
            raise StripeError.invalid(f"Invalid integer: {value}", name, "parameter_invalid_integer")
        return int(value)
    if annotation is bool:
        if value not in ("true", "false"):
            raise StripeError.invalid(f"Invalid boolean: {value}", name)
        return value == "true"
    if annotation in (float, Decimal):
        try:
            return float(value) if annotation is float else str(Decimal(value))
        except (ValueError, InvalidOperation):
            raise StripeError.invalid(f"Invalid decimal: {value}", name) from None
    return value


def flatten(params: dict, prefix: str = "") -> typing.Iterator[tuple[str, str]]:
    """Nested parameters back to `a[b][0]` pairs, for reading a request log."""
    for key, value in params.items():
        name = _named(prefix, key)
        if isinstance(value, dict):
            yield from flatten(value, name)
        elif isinstance(value, list):
            yield from flatten(dict(enumerate(value)), name)
        else:
            yield name, str(value)
