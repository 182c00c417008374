"""expand[]: ids become the objects they name; some members appear only on request."""

from collections.abc import Callable

from sandbox.errors import StripeError
from sandbox.objects import FIRST_PAGE, list_object, shown, tombstone

# (object, member) -> what to show, for members that are absent unless asked for.
INCLUDABLE: dict[tuple[str, str], Callable] = {}


def includable(kind: str, member: str):
    def register(show: Callable) -> Callable:
        INCLUDABLE[kind, member] = show
        return show

    return register


def expanded(world, answer: dict, paths: list[str]) -> dict:
    """The public view of an answer with every path of expand[] opened."""
    view = shown(answer)
    for path in paths:
        if path.count(".") > 3:
            raise StripeError.invalid("You cannot expand more than 4 levels of a property.", "expand")
        keys = path.split(".")
        if view.get("object") in ("list", "search_result"):
            if keys[0] != "data":
                raise _impossible(path)
            for entry in view["data"]:
                _open(world, entry, keys[1:], path)
        else:
            _open(world, view, keys, path)
    return view


def _open(world, node: object, keys: list[str], path: str) -> None:
    if not keys:
        return
    if isinstance(node, list):
        for entry in node:
            _open(world, entry, keys, path)
        return
    if not isinstance(node, dict) or node.get("deleted") is True:
        return
    key = keys[0]
    show = INCLUDABLE.get((str(node.get("object")), key))
    if show and key not in node:
        member = show(world, node)
        node[key] = shown(member) if member is not None else None
    if key not in node:
        raise _impossible(path)
    value = node[key]
    if isinstance(value, str):
        found = world.store.find(value)
        if found is None:
            raise _impossible(path)
        node[key] = value = tombstone(found) if found.get("_deleted") else shown(found)
    elif isinstance(value, list):
        found_all = [world.store.find(v) if isinstance(v, str) else v for v in value]
        node[key] = value = [shown(v) for v in found_all if v is not None]
    _open(world, value, keys[1:], path)


def _impossible(path: str) -> StripeError:
    return StripeError.invalid(f"This property cannot be expanded ({path}).", "expand")


def sublist(rows: list, url: str) -> dict:
    """A first page of ten for members such as `refunds` or `subscriptions`."""
    return list_object(rows[:FIRST_PAGE], url, has_more=len(rows) > FIRST_PAGE)
