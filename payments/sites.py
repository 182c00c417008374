"""Several sites may share an account at Stripe: what this one makes there bears its name, and what it knows is its own."""

from typing import Any

from sqlalchemy import select

from kit.database import db
from kit.settings import settings
from membership.models import Account
from payments.domain import sites as rules
from payments.models import CheckoutIntent, Contribution, Customer, Gift

# Under what our objects name a row of ours; each is random and ours alone.
_ROWS = {"intent": CheckoutIntent.id, "account": Account.public_id, "contribution": Contribution.public_id, "gift": Gift.public_id}


def marked(params: Any) -> Any:
    """What is about to be made at Stripe, with this site's name in it."""
    return rules.marked(params, _here())


def is_ours(said: dict[str, Any], customer_id: str | None) -> bool:
    """Is that of which Stripe says this (rules.said_by) certainly this site's?

    What leads to a row of ours is, whatever site it names: so a site may be given another PUBLIC_URL, and a database that
    is filled anew finds its own.
    """
    return said.get(rules.SITE) == _here() or _known(said, customer_id)


def is_anothers(said: dict[str, Any], customer_id: str | None) -> bool:
    """Is it certainly not? What names no site (it is older, or was made in the Dashboard) is neither."""
    return said.get(rules.SITE) not in (None, "", _here()) and not _known(said, customer_id)


def _here() -> str:
    return rules.name(settings()["PUBLIC_URL"])


def _known(said: dict[str, Any], customer_id: str | None) -> bool:
    customer = db.session.get(Customer, customer_id) if customer_id else None
    if customer is not None and customer.account_id is not None:
        return True
    return any(
        db.session.scalar(select(column).where(column == str(said[key])).limit(1)) is not None
        for key, column in _ROWS.items()
        if said.get(key)
    )
