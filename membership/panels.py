"""What other rooms show of a reader on her page and in the API, without this room knowing them.

A room registers by name in its ``init_app`` (again and again: tests make several applications):
``panels.PANELS["contributions"] = lambda account: Markup(render_template(...))`` and
``panels.FACTS["contributions"] = lambda account: [{"amount": 2500, ...}]``.
"""

from collections.abc import Callable
from typing import Any

from markupsafe import Markup

from membership.bills import Bill
from membership.models import Account

PANELS: dict[str, Callable[[Account], Markup]] = {}
STAFF_PANELS: dict[str, Callable[[Account], Markup]] = {}  # the same, on the staff's page about a reader
BILLS: dict[str, Callable[[int], dict[str, Bill]]] = {}  # of an account: what is known of the money of each source
FACTS: dict[str, Callable[[Account], Any]] = {}


def shown_to(account: Account) -> list[Markup]:
    """Each room's panel for this reader, in order of registration; empty ones are left out."""
    return [panel for show in PANELS.values() if (panel := show(account))]


def shown_to_staff(account: Account) -> list[Markup]:
    """Each room's panel about this reader for staff."""
    return [panel for show in STAFF_PANELS.values() if (panel := show(account))]


def contributions(account: Account) -> list[dict[str, Any]]:
    """The contract's list: amount, currency, status, refunded; empty where no room keeps contributions."""
    return FACTS["contributions"](account) if "contributions" in FACTS else []


def bills(account_id: int) -> dict[str, Bill]:
    """By the source's id: what the sentences about it may say of amounts, cards and what waits."""
    found: dict[str, Bill] = {}
    for known in BILLS.values():
        found |= known(account_id)
    return found
