"""expand[]: ids become the objects they name; some members appear only on request."""

from collections.abc import Callable

from sandbox.errors import StripeError
from sandbox.objects import list_object, public

# (object, member) -> what to show, for members that are absent unless asked for.
INCLUDABLE: dict[tuple[str, str], Callable] = {}


def includable(kind: str, member: str):
    def register(show: Callable) -> Callable:
        INCLUDABLE[kind, member] = show
        return show

    return register


def expanded(world, answer: dict, paths: list[str]) -> dict:
    """The public view of an answer with every path of expand[] opened."""
    shown = public(answer)
    for path in paths:
        if path.count(".") > 3:
            raise StripeError.invalid("You cannot expand more than 4 levels of a property.", "expand")
        keys = path.split(".")
        if shown.get("object") in ("list", "search_result"):
            if keys[0] != "data":
                raise _impossible(path)
            for entry in shown["data"]:
                _open(world, entry, keys[1:], path)
        else:
            _open(world, shown, keys, path)
    return shown


def _open(world, node: object, keys: list[str], path: str) -> None:
    if not keys:
        return
    if isinstance(node, list):
        for entry in node:
            _open(world, entry, keys, path)
        return
    if not isinstance(node, dict):
        return
    key = keys[0]
    show = INCLUDABLE.get((str(node.get("object")), key))
    if show and key not in node:
        node[key] = public(show(world, node))
    if key not in node:
        raise _impossible(path)
    value = node[key]
    if isinstance(value, str):
        found = world.store.find(value)
        if found is None:
            raise _impossible(path)
        node[key] = value = public(found)
    elif isinstance(value, list):
        found_all = [world.store.find(v) if isinstance(v, str) else v for v in value]
        node[key] = value = [public(v) for v in found_all if v is not None]
    _open(world, value, keys[1:], path)


def _impossible(path: str) -> StripeError:
    return StripeError.invalid(f"This property cannot be expanded ({path}).", "expand")


def sublist(rows: list, url: str) -> dict:
    """A first page of ten for members such as `refunds` or `subscriptions`."""
    return list_object(rows[:10], url, has_more=len(rows) > 10)
