"""Stripe's search language, as far as it is used: field:"value", metadata["key"], AND, OR, ~, <, >."""

import re
from collections.abc import Iterable

from sandbox.errors import StripeError
from sandbox.routing import Call

_CLAUSE = re.compile(
    r"""(?P<minus>-)?(?P<field>[\w.]+)(?:\[["'](?P<key>[^"']+)["']\])?\s*"""
    r"""(?P<sign>:|~|<=|>=|<|>)\s*(?:["'](?P<quoted>[^"']*)["']|(?P<bare>[\w.-]+))"""
)


def search_page(call: Call, rows: Iterable[dict]) -> dict:
    """A search_result of the rows that the call's `query` matches, newest first."""
    query = call.params["query"]
    any_of = re.search(r"\bOR\b", query) is not None
    clauses = list(_CLAUSE.finditer(query))
    leftover = re.sub(r"\b(AND|OR)\b|\s", "", _CLAUSE.sub("", query))
    if not clauses or leftover:
        raise StripeError.invalid(f"We were unable to parse your search query: {query}", "query")
    test = any if any_of else all
    found = [r for r in rows if not r.get("_deleted") and test(_matches(r, c) for c in clauses)]
    found.reverse()
    limit, start = call.params.get("limit", 10), int(call.params.get("page") or 0)
    more = len(found) > start + limit
    return {
        "object": "search_result",
        "data": found[start : start + limit],
        "has_more": more,
        "next_page": str(start + limit) if more else None,
        "url": call.path,
    }


def _matches(row: dict, clause: re.Match) -> bool:
    value: object = row
    for part in clause["field"].split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if clause["key"] is not None:
        value = value.get(clause["key"]) if isinstance(value, dict) else None
    wanted = clause["quoted"] if clause["quoted"] is not None else clause["bare"]
    if clause["bare"] == "null":
        hit = value is None
    elif value is None:
        hit = False
    elif clause["sign"] == ":":
        hit = str(value).casefold() == wanted.casefold() or (value is True and wanted == "true")
    elif clause["sign"] == "~":
        hit = wanted.casefold() in str(value).casefold()
    else:
        if not isinstance(value, int) or not re.fullmatch(r"-?\d{1,18}", wanted):
            raise StripeError.invalid(f"The field `{clause['field']}` does not support comparing with {wanted!r}.", "query")
        number = int(wanted)
        hit = {
            "<": value < number,
            "<=": value <= number,
            ">": value > number,
            ">=": value >= number,
        }[clause["sign"]]
    return hit != bool(clause["minus"])
