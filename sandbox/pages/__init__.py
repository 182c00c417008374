"""The pages that Stripe hosts: Checkout, the portal, receipts, invoices. Plain HTML, no JavaScript.

Every page says SIMULATED.
"""

from flask import Blueprint, current_app

from sandbox.billing import calendar as _due  # noqa: F401 - registers what falls due
from sandbox.billing import money

blueprint = Blueprint("pages", __name__, url_prefix="/pages")


def the_world():
    return current_app.config["WORLD"]


@blueprint.app_template_filter("money")
def money_filter(amount: int, currency: str) -> str:
    return money.text(amount or 0, currency or "usd")


@blueprint.app_template_filter("day")
def day_filter(moment: int) -> str:
    import datetime as dt

    return f"{dt.datetime.fromtimestamp(moment, dt.UTC):%-d %B %Y}"


@blueprint.app_template_filter("every")
def every_filter(price: dict) -> str:
    recurring = price["recurring"]
    if not recurring:
        return ""
    count = recurring["interval_count"]
    return f"per {recurring['interval']}" if count == 1 else f"every {count} {recurring['interval']}s"


from sandbox.pages import authenticate, checkout, papers, portal  # noqa: E402, F401 - register views
