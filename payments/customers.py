"""Customers: one account has one at Stripe (more, if history made more); a guest's has no account until she claims it."""

import hashlib
from typing import Any

import structlog
from sqlalchemy import exists, func, select

from kit import clock
from kit.database import db, insert_ignoring
from kit.jobs import enqueue
from membership.domain import emails
from membership.domain.standing import TERMINAL
from membership.models import Account
from payments import gateway
from payments.models import Customer, Subscription

log = structlog.get_logger("payments.customers")


def of_account(account_id: int) -> str | None:
    """The account's Customer at Stripe that is not deleted; None before she ever paid.

    Of several the one who subscribes (a guest's contribution that she claimed has a Customer of its own), else the newest.
    """
    subscribes = exists().where(
        Subscription.customer_id == Customer.id,
        Subscription.purpose == "subscription",
        Subscription.status.not_in((*TERMINAL, "incomplete")),
    )
    return db.session.scalars(
        select(Customer.id)
        .where(Customer.account_id == account_id, Customer.deleted.is_(False))
        .order_by(subscribes.desc(), Customer.created_at.desc(), Customer.id)
    ).first()


def account_of(customer_id: str) -> int | None:
    """Whose Customer this is, if anybody's."""
    return db.session.scalars(select(Customer.account_id).where(Customer.id == customer_id)).one_or_none()


def terms_for(account_id: int) -> tuple[dict[str, Any], str]:
    """(parameters, idempotency key) with which this account's Customer is made: the same until one was made and deleted."""
    account = db.session.get_one(Account, account_id)
    earlier = db.session.scalar(select(func.count()).where(Customer.account_id == account_id)) or 0
    params: dict[str, Any] = {"email": account.email, "metadata": {"account": account.public_id}}
    if account.name:
        params["name"] = account.name
    about = hashlib.sha256(repr(sorted(params.items())).encode()).hexdigest()[:16]
    return params, f"customer-{account.public_id}-{earlier}-{about}"


def write(found: dict[str, Any]) -> Customer:
    """Mirror a Customer as fetched. Links it to the account that its metadata names (we put it there), never by e-mail.

    A link once made is not moved. An address changed at Stripe changes nothing about who signs in.
    """
    db.session.execute(insert_ignoring(Customer).values(id=found["id"], deleted=False, created_at=clock.now()))
    row = db.session.get_one(Customer, found["id"], with_for_update=True, populate_existing=True)
    if found.get("deleted"):
        row.deleted = True
        return row
    row.created_at = clock.from_timestamp(found.get("created")) or row.created_at
    row.email_key = _key(found.get("email"))
    named = (found.get("metadata") or {}).get("account")
    if row.account_id is None and named:
        row.account_id = db.session.scalars(select(Account.id).where(Account.public_id == named)).one_or_none()
        if row.account_id is not None:
            _follow_what_came_before(row.id)
    db.session.flush()
    return row


def _follow_what_came_before(customer_id: str) -> None:
    """Its Subscriptions that were seen while it was nobody's gave nobody a membership: look at them again."""
    for subscription_id in db.session.scalars(select(Subscription.id).where(Subscription.customer_id == customer_id)):
        enqueue("payments.follow_subscription", subscription_id, customer_id)


def look(customer_id: str) -> dict[str, Any]:
    """The Customer as it is now; one that Stripe does not have counts as deleted."""
    return gateway.fetch_customer(customer_id) or {"id": customer_id, "deleted": True}


def _key(email: str | None) -> str | None:
    try:
        return emails.key(email) if email else None
    except emails.NotAnAddress:
        log.info("customer has an odd address")
        return None
