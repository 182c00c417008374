"""What this room shows of a reader on her own page, and tells the API."""

from typing import Any

from flask import render_template
from markupsafe import Markup

from membership import panels
from membership.models import Account
from payments import contributions, monthly, receipts


def register() -> None:
    """Hang up the panels and facts; doing it again changes nothing."""
    panels.PANELS["contributions"] = contributions_panel
    panels.FACTS["contributions"] = contribution_facts


def contributions_panel(account: Account) -> Markup:
    """Her contributions and receipts; nothing when she has neither."""
    given, papers = contributions.of_account(account.id), receipts.of_account(account.id)
    if not given and not papers:
        return Markup()
    return Markup(render_template("contributions/panel.html", contributions=given, receipts=papers, path_of=monthly.path_of))  # noqa: S704 - a template's output


def contribution_facts(account: Account) -> list[dict[str, Any]]:
    """The contract's list. ``amount`` is what is charged each time, ``refunded`` what went back in all: minor units."""
    return [
        {"amount": one.amount + one.fee_cover, "currency": one.currency, "status": one.status, "refunded": one.refunded}
        for one in contributions.of_account(account.id)
    ]
