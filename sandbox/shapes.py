"""Check what the sandbox says against the SDK's own response classes.

The same people write the sandbox and the application, so a wrong belief could
sit on both sides and agree with itself.  stripe-python's classes are generated
by Stripe: every answer and every event's object is compared with them, key by
key (unknown, missing, null, type, enum).
"""

import functools
import importlib
import inspect
import operator
import re
import sys
import types
import typing
from decimal import Decimal
from functools import cache

import stripe
from stripe._object_classes import OBJECT_CLASSES

# What Stripe really sends although the generated classes do not name it, or
# where a class is one shape of several.  Keep short; every line has its reason.
EXTRAS: dict[str, frozenset[str]] = {
    "list": frozenset(),
    "payment_page": frozenset(),
}
# Objects of the wire that the SDK has no class for: /v1/payment_pages is the
# private API of Stripe's own Checkout page, which the Stripe CLI calls.
UNTYPED = frozenset({"payment_page"})


@cache
def namespace(module_name: str) -> dict[str, object]:
    """The names a generated module may use, with those it imports for typing only."""
    module = sys.modules[module_name]
    names = dict(vars(typing)) | dict(vars(module))
    source = inspect.getsource(module)
    for where, what in re.findall(r"from (stripe[\w.]*) import (\([^)]*\)|[^\n]+)", source):
        imported = importlib.import_module(where)
        for part in re.split(r",\s*", what.strip("()\n ")):
            name, _, alias = part.strip().partition(" as ")
            if name:
                names[alias.strip() or name] = getattr(imported, name)
    return names


@cache
def fields(cls: type) -> dict[str, object]:
    """Field name -> annotation, of a generated class and its generated parents."""
    found: dict[str, object] = {}
    for base in reversed(cls.__mro__):
        if base.__module__.startswith("stripe.") and "File generated" in _header(base.__module__):
            space = namespace(base.__module__)
            for name, annotation in vars(base).get("__annotations__", {}).items():
                if not name.startswith("_") and name != "OBJECT_NAME":
                    found[name] = resolve(annotation, space)
            found |= _renamed(base)
    return found


def _renamed(base: type) -> dict[str, object]:
    """Fields whose wire name is a Python keyword are kept by the SDK in a table of their own."""
    table = vars(base).get("_field_remappings", {})
    return dict.fromkeys(table.values(), typing.Any)


@cache
def _header(module_name: str) -> str:
    return inspect.getsource(sys.modules[module_name])[:200]


def resolve(annotation: object, space: dict[str, object]) -> object:
    """An annotation with its forward references replaced by what they name."""
    if isinstance(annotation, typing.ForwardRef):
        annotation = annotation.__forward_arg__
    if isinstance(annotation, str):
        return resolve(eval(annotation, dict(space)), space)  # noqa: S307 - Stripe's own source
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is None or origin is typing.Literal:
        return annotation
    parts = tuple(resolve(arg, space) for arg in args)
    if origin in (typing.Union, types.UnionType):
        return functools.reduce(operator.or_, parts)
    return types.GenericAlias(origin, parts)


@cache
def class_of(object_name: str) -> type | None:
    module, name = OBJECT_CLASSES.get(object_name, ("", ""))
    return getattr(importlib.import_module(module), name) if module else None


def check(value: object) -> list[str]:
    """The differences of a Stripe object from its class; an empty list when there is none."""
    if not isinstance(value, dict) or "object" not in value:
        return ["not a Stripe object"]
    from sandbox import quickshapes

    if quickshapes.fits(value):
        return []
    return thoroughly(value)


def thoroughly(value: dict) -> list[str]:
    """The differences, each named with its place."""
    return list(_against_object(value, str(value["object"])))


def _against_object(value: dict, path: str, expected: type | None = None):
    name = str(value.get("object"))
    if name in ("list", "search_result"):
        if not isinstance(value.get("data", []), list):
            yield f"{path}.data: not a list"
            return
        for i, entry in enumerate(value.get("data", [])):
            yield from _against_object(entry, f"{path}[{i}]")
    elif name == "event":
        yield from _against_class(value, stripe.Event, path)
        inner = value["data"]["object"]
        yield from _against_object(inner, f"{path}.data.object:{inner.get('object')}")
    elif name in UNTYPED:
        return
    else:
        cls = expected or class_of(name)
        if cls is None:
            yield f"{path}: no class of the SDK is called {name!r}"
        elif value.get("deleted") is True:
            if set(value) - {"id", "object", "deleted"}:
                yield f"{path}: a deleted object has only its id"
        else:
            yield from _against_class(value, cls, path)


def _against_class(value: dict, cls: type, path: str):
    known = fields(cls)
    extras = EXTRAS.get(str(value.get("object")), frozenset())
    for key in value:
        if key not in known and key not in extras:
            yield f"{path}.{key}: unknown"
    for key, annotation in known.items():
        if key in value:
            yield from _against_type(value[key], annotation, f"{path}.{key}")
        elif not _optional(annotation):
            yield f"{path}.{key}: missing"


def _optional(annotation: object) -> bool:
    return annotation is typing.Any or type(None) in typing.get_args(annotation)


def _against_type(value: object, annotation: object, path: str):
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation in (typing.Any, object):
        return
    if origin in (typing.Union, types.UnionType):
        yield from _against_union(value, args, path)
    elif origin is typing.Literal:
        if value not in args:
            yield f"{path}: {value!r} is not one of {args}"
    elif origin is list:
        yield from _against_array(value, args[0], path)
    elif inspect.isclass(origin) and issubclass(origin, stripe.ListObject):
        yield from _against_list(value, args[0], path)
    elif inspect.isclass(annotation) and issubclass(annotation, stripe.StripeObject):
        yield from _against_hash(value, annotation, path)
    elif not _plain(value, annotation):
        yield f"{path}: {value!r} is not {annotation}"


def _against_array(value: object, inner: object, path: str):
    if not isinstance(value, list):
        yield f"{path}: {value!r} is not a list"
        return
    for i, entry in enumerate(value):
        yield from _against_type(entry, inner, f"{path}[{i}]")


def _against_hash(value: object, cls: type, path: str):
    if not isinstance(value, dict):
        yield f"{path}: {value!r} is not a {cls.__name__}"
    elif "object" in fields(cls):
        yield from _against_object(value, path, cls)
    else:
        yield from _against_class(value, cls, path)


def _untyped(annotation: object) -> bool:
    cls = typing.get_origin(annotation) or annotation
    return inspect.isclass(cls) and cls.__name__ == "UntypedStripeObject"


def _against_union(value: object, args: tuple, path: str):
    if value is None:
        if type(None) not in args:
            yield f"{path}: null"
        return
    choices = [arg for arg in args if arg is not type(None)]
    literals = [arg for arg in choices if typing.get_origin(arg) is typing.Literal]
    if literals and isinstance(value, str):
        # Stripe's response enums are open since 15.2; ours are held to the known words.
        choices = literals
    if isinstance(value, dict):
        named = [c for c in choices if getattr(c, "OBJECT_NAME", None) == value.get("object")]
        choices = named or choices
    complaints = [list(_against_type(value, choice, path)) for choice in choices]
    if all(complaints):
        yield from min(complaints, key=len)


def _against_list(value: object, inner: object, path: str):
    if not isinstance(value, dict) or value.get("object") != "list":
        yield f"{path}: {value!r} is not a list object"
        return
    for key in {"data", "has_more", "url"} - set(value):
        yield f"{path}.{key}: missing"
    if not isinstance(value.get("data", []), list):
        yield f"{path}.data: not a list"
        return
    for i, entry in enumerate(value.get("data", [])):
        yield from _against_type(entry, inner, f"{path}.data[{i}]")


def _plain(value: object, annotation: object) -> bool:
    if typing.get_origin(annotation) is dict or annotation is dict or _untyped(annotation):
        return isinstance(value, dict)
    if annotation is Decimal:
        return isinstance(value, str)  # decimals travel as strings
    if annotation is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if annotation is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return inspect.isclass(annotation) and isinstance(value, annotation)
