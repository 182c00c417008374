"""What this room shows of a reader on her own page, and tells the API."""

from typing import Any

from flask import render_template
from markupsafe import Markup

from kit import clock
from membership import panels
from membership.models import Account
from payments import bills, books, contributions, gifts, groups, monthly_links, receipts, statements
from payments.domain.gifts import state
from payments.views import staff_subscriptions


def register() -> None:
    """Hang up the panels and facts; doing it again changes nothing."""
    panels.PANELS["contributions"] = contributions_panel
    panels.STAFF_PANELS["subscriptions"] = subscriptions_panel
    panels.STAFF_PANELS["money"] = staff_panel
    panels.PANELS["gifts"] = gifts_panel
    panels.PANELS["groups"] = groups_panel
    panels.FACTS["contributions"] = contribution_facts
    panels.BILLS["subscriptions"] = bills.of_account


def contributions_panel(account: Account) -> Markup:
    """Her contributions and receipts; nothing when she has neither."""
    given, papers = contributions.of_account(account.id), receipts.of_account(account.id)
    if not given and not papers:
        return Markup()
    years = statements.years_of(account.id)
    page = render_template(
        "contributions/panel.html",
        contributions=given,
        receipts=papers,
        returned=receipts.returned_of(account.id),
        path_of=monthly_links.path_of,
        years=years,
    )
    return Markup(page)  # noqa: S704 - a template's output


def staff_panel(account: Account) -> Markup:
    """Her newest payments for staff, and her years to print."""
    found, back = books.payments_of_account(account.id), receipts.returned_of(account.id)
    page = render_template(
        "staff/payments/panel.html", account=account, payments=found, returned=back, years=statements.years_of(account.id)
    )
    return Markup(page)  # noqa: S704 - a template's output


def subscriptions_panel(account: Account) -> Markup:
    """Her Subscriptions for staff, with what can be done to each."""
    return Markup(staff_subscriptions.panel(account))  # noqa: S704 - a template's output


def gifts_panel(account: Account) -> Markup:
    """What she gave and what she was given."""
    now = clock.now()
    given = [(gift, state(gift, now)) for gift in gifts.given_by(account.id)]
    return Markup(render_template("gifts/panel.html", given=given, got=gifts.redeemed_by(account.id)))  # noqa: S704 - a template's output


def groups_panel(account: Account) -> Markup:
    """The group that she pays for, and those that she reads with; nothing when there is neither."""
    mine, seats = groups.owned_by(account.id), groups.read_with(account.id)
    if mine is None and not seats:
        return Markup()
    with_names = [(seat, groups.name_of(group)) for seat, group in seats]
    return Markup(render_template("groups/panel.html", mine=mine, seats=with_names))  # noqa: S704 - a template's output


def contribution_facts(account: Account) -> list[dict[str, Any]]:
    """The contract's list. ``amount`` is what is charged each time, ``refunded`` what went back in all: minor units."""
    return [
        {"amount": one.amount + one.fee_cover, "currency": one.currency, "status": one.status, "refunded": one.refunded}
        for one in contributions.of_account(account.id)
    ]
