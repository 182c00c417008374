"""What an invoice at Stripe was for, by its lines: which Price, how many of it, and whether only the rest of a period. Pure."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Bought:
    """The Price (as much of it as is known), how many (seats), and ``rest``: of a change within a period, not of a whole one."""

    price: dict[str, Any]
    quantity: int
    rest: bool


def bought(invoice: dict[str, Any] | None, subscription: dict[str, Any] | None = None) -> Bought | None:
    """What this invoice sold; None where no line names a Price.

    A change bills the unused time of the old Price back and the remaining time of the new one: the new is what was
    sold. A whole period goes before such remainders. A line names only ids; what else is known of the Price comes from
    ``subscription`` if that is on it.
    """
    lines = ((invoice or {}).get("lines") or {}).get("data") or []
    priced = [(line, details) for line in lines if line["amount"] >= 0 and (details := _details(line)).get("price")]
    if not priced:
        return None
    line, details = max(priced, key=lambda one: (not _prorates(one[0]), one[0]["amount"]))
    items = (((subscription or {}).get("items") or {}).get("data")) or []
    price_id = _id(details["price"])
    known = next((item["price"] for item in items if item["price"]["id"] == price_id), None)
    return Bought(known or {"id": price_id, "product": details.get("product")}, line.get("quantity") or 1, _prorates(line))


def _details(line: dict[str, Any]) -> dict[str, Any]:
    return (line.get("pricing") or {}).get("price_details") or {}


def _prorates(line: dict[str, Any]) -> bool:
    parent = line.get("parent") or {}
    details = parent.get("subscription_item_details") or parent.get("invoice_item_details") or {}
    return bool(details.get("proration"))


def _id(value: Any) -> Any:
    return value["id"] if isinstance(value, dict) else value
