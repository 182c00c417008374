"""The check of shapes.py as compiled yes-or-no functions, one for each type: what passes here needs no second look.

A "no" is never reported from here: shapes.check then walks the object slowly and says what differs where.
"""

import inspect
import types
import typing
from collections.abc import Callable
from decimal import Decimal
from functools import cache

import stripe

from sandbox import shapes

Test = Callable[[object], bool]
_SPECIAL = ("list", "search_result", "event", *shapes.UNTYPED)


def fits(value: dict) -> bool:
    """Whether shapes.check(value) would find nothing."""
    name = value.get("object")
    if name in ("list", "search_result"):
        data = value.get("data", [])
        return isinstance(data, list) and all(isinstance(entry, dict) and fits(entry) for entry in data)
    if name == "event":
        return of_class(stripe.Event)(value) and fits(value["data"]["object"])
    if name in shapes.UNTYPED:
        return True
    cls = shapes.class_of(str(name))
    return cls is not None and _object(cls)(value)


@cache
def _object(cls: type) -> Test:
    inner = of_class(cls)

    def test(value) -> bool:
        if value.get("deleted") is True:
            return value.keys() <= {"id", "object", "deleted"}
        return inner(value)

    return test


@cache
def of_class(cls: type) -> Test:
    """The test of a hash against a generated class: every key known and right, none missing."""
    known = shapes.fields(cls)
    tests: dict[str, Test] = {}  # filled at the first use: classes name each other
    required = frozenset(name for name, annotation in known.items() if not shapes._optional(annotation))

    def test(value) -> bool:
        if not tests:
            tests.update({name: of_type(annotation) for name, annotation in known.items()})
        if not isinstance(value, dict) or not required <= value.keys():
            return False
        try:
            return all(tests[key](inner) for key, inner in value.items())
        except KeyError:
            return False

    return test


def of_type(annotation) -> Test:
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation in (typing.Any, object):
        return lambda value: True
    if origin in (typing.Union, types.UnionType):
        return _union(args)
    if origin is typing.Literal:
        return lambda value, words=args: value in words
    if origin is list:
        inner = of_type(args[0])
        return lambda value: isinstance(value, list) and all(map(inner, value))
    if inspect.isclass(origin) and issubclass(origin, stripe.ListObject):
        return _list(of_type(args[0]))
    if inspect.isclass(annotation) and issubclass(annotation, stripe.StripeObject):
        return _hash(annotation)
    return _plain(annotation)


def _hash(cls: type) -> Test:
    if "object" not in shapes.fields(cls):
        return of_class(cls)
    own = _object(cls)

    def test(value) -> bool:
        if not isinstance(value, dict):
            return False
        return fits(value) if value.get("object") in _SPECIAL else own(value)

    return test


def _list(inner: Test) -> Test:
    def test(value) -> bool:
        return (
            isinstance(value, dict)
            and value.get("object") == "list"
            and {"data", "has_more", "url"} <= value.keys()
            and isinstance(value["data"], list)
            and all(map(inner, value["data"]))
        )

    return test


def _union(args: tuple) -> Test:
    choices = [arg for arg in args if arg is not type(None)]
    literals = [arg for arg in choices if typing.get_origin(arg) is typing.Literal]
    words = frozenset(word for arg in literals for word in typing.get_args(arg))
    nullable = type(None) in args
    named = [(getattr(choice, "OBJECT_NAME", None), of_type(choice)) for choice in choices]

    def test(value) -> bool:
        if value is None:
            return nullable
        if isinstance(value, str) and words:
            return value in words
        if isinstance(value, dict):
            kind = value.get("object")
            own = [check for name, check in named if name is not None and name == kind]
            if own:
                return any(check(value) for check in own)
        return any(check(value) for _, check in named)

    return test


def _plain(annotation) -> Test:
    if typing.get_origin(annotation) is dict or annotation is dict or shapes._untyped(annotation):
        return lambda value: isinstance(value, dict)
    if annotation is Decimal:
        return lambda value: isinstance(value, str)
    if annotation is float:
        return lambda value: isinstance(value, int | float) and not isinstance(value, bool)
    if annotation is int:
        return lambda value: isinstance(value, int) and not isinstance(value, bool)
    if not inspect.isclass(annotation):
        return lambda value: False
    return lambda value: isinstance(value, annotation)
