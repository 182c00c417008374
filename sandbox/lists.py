"""Lists as Stripe pages them: newest first, cursors, `created` ranges."""

from collections.abc import Callable, Iterable

from sandbox.errors import StripeError
from sandbox.objects import list_object, plain
from sandbox.routing import Call, route
from sandbox.store import FIELDS, value_of


def page(call: Call, rows: Iterable[dict], *, newest_first: bool = True) -> dict:
    """A list object of the rows (oldest first as the store keeps them) for the call's cursor."""
    created = plain(call.params.get("created"))  # read even if there are no rows: a parameter that nobody read is a fault
    found = [row for row in rows if _within(row, created)]
    if newest_first:
        found.reverse()
    limit = call.params.get("limit", 10)
    if not 1 <= limit <= 100:
        raise StripeError.invalid("Invalid limit: must be between 1 and 100", "limit")
    if after := call.params.get("starting_after"):
        found = found[_position(found, after, "starting_after") + 1 :]
    if before := call.params.get("ending_before"):
        found = found[: _position(found, before, "ending_before")]
        return list_object(found[-limit:], call.path, has_more=len(found) > limit)
    return list_object(found[:limit], call.path, has_more=len(found) > limit)


def _position(rows: list[dict], id_: str, param: str) -> int:
    for i, row in enumerate(rows):
        if row["id"] == id_:
            return i
    raise StripeError.missing("object", id_, param)


def _within(row: dict, created: object) -> bool:
    if created is None:
        return True
    at = row.get("created", row.get("date", 0))
    if isinstance(created, int):
        return at == created
    assert isinstance(created, dict)
    tests = {
        "gt": lambda x: at > x,
        "gte": lambda x: at >= x,
        "lt": lambda x: at < x,
        "lte": lambda x: at <= x,
    }
    return all(tests[word](limit) for word, limit in created.items())


def matching(call: Call, kind: str, *names: str) -> list[dict]:
    """Objects of a kind whose fields equal the parameters of the same name; deleted ones are in no list."""
    wanted = {n: call.params[n] for n in names if n in call.params}
    rows: Iterable[dict] = call.world.store.all(kind)
    for name in wanted:
        if name in FIELDS:
            rows = call.world.store.where(kind, name, wanted[name])
            break
    return [row for row in rows if not row.get("_deleted") and all(value_of(row, n) == v for n, v in wanted.items())]


def retrievable(kind: str, path: str, noun: str = "") -> Callable[[Call], dict]:
    """Register `GET path/{id}` for a kind of object."""

    @route("GET", path + "/{id}")
    def retrieve(call: Call) -> dict:
        return call.world.need(kind, call.id, noun)

    return retrieve


def listable(kind: str, path: str, *filters: str) -> Callable[[Call], dict]:
    """Register `GET path`, filtered by fields of the same names as the parameters."""

    @route("GET", path)
    def index(call: Call) -> dict:
        return page(call, matching(call, kind, *filters))

    return index
