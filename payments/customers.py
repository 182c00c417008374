"""Customers: one account has one at Stripe (more, if history made more); a guest's has no account until she claims it."""

from collections.abc import Sequence
from typing import Any

import structlog
from sqlalchemy import exists, func, select, update

from kit import clock
from kit.database import db, insert_ignoring
from kit.jobs import enqueue
from membership.domain import emails
from membership.domain.standing import TERMINAL
from membership.models import Account
from payments import gateway, unplaced
from payments.models import ChargeDecision, Contribution, Customer, LedgerEntry, Subscription

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
    """(parameters, idempotency key) with which this account's Customer is made: the key is the same until one was made and deleted."""
    account = db.session.get_one(Account, account_id)
    earlier = db.session.scalar(select(func.count()).where(Customer.account_id == account_id)) or 0
    params: dict[str, Any] = {"email": account.email, "metadata": {"account": account.public_id}}
    if account.name:
        params["name"] = account.name
    return params, f"customer-{account.public_id}-{earlier}"


def write(found: dict[str, Any]) -> Customer:
    """Mirror a Customer as fetched. Links it to the account that its metadata names (we put it there), whose contribution it
    pays, or to which staff gave a Subscription's payment of it, never by e-mail.

    A link once made is not moved. An address changed at Stripe changes nothing about who signs in.
    """
    payers = _payers(found["id"])
    db.session.execute(insert_ignoring(Customer).values(id=found["id"], deleted=False, created_at=clock.now()))
    row = db.session.get_one(Customer, found["id"], with_for_update=True, populate_existing=True)
    if found.get("deleted"):
        row.deleted = True
        return row
    row.created_at = clock.from_timestamp(found.get("created")) or row.created_at
    row.email_key = _key(found.get("email"))
    db.session.flush()
    owner = (_named(found) or next(iter(payers), None) or _placed(row.id)) if row.account_id is None else None
    if owner is not None:
        give([row.id], owner)
    return row


def _payers(customer_id: str) -> list[int]:
    """Whose contributions it pays, unless it is known whose it is.

    Checkout made it for a contribution that may have been followed before this Customer was ever seen. Locked, and before
    the Customer as a claim does it: of a claim that hands the contribution over meanwhile, either it sees this row or we
    see its account.
    """
    if account_of(customer_id) is not None:
        return []
    pays = select(Contribution.account_id).where(Contribution.customer_id == customer_id).order_by(Contribution.id).with_for_update()
    return [account_id for account_id in db.session.scalars(pays) if account_id is not None]


def _named(found: dict[str, Any]) -> int | None:
    """The account that its metadata names."""
    named = (found.get("metadata") or {}).get("account")
    return db.session.scalars(select(Account.id).where(Account.public_id == named)).one_or_none() if named else None


def _placed(customer_id: str) -> int | None:
    """To whom staff gave what it paid for a Subscription (ledger.place), as where that was copied and the Customer is told anew."""
    said = select(ChargeDecision.account_id).join(LedgerEntry, LedgerEntry.charge_id == ChargeDecision.charge_id)
    mine = (LedgerEntry.customer_id == customer_id, LedgerEntry.kind == "payment", LedgerEntry.purpose == "subscription")
    return db.session.scalars(said.where(*mine, ChargeDecision.verdict == "account").order_by(ChargeDecision.id.desc()).limit(1)).first()


def give(customer_ids: Sequence[str], account_id: int) -> None:
    """These Customers are this account's, if they are nobody's yet (and were seen).

    What was seen of them while they were nobody's gave nobody a membership: it is looked at again.
    """
    free = update(Customer).where(Customer.id.in_(customer_ids), Customer.account_id.is_(None)).values(account_id=account_id)
    given = list(db.session.scalars(free.returning(Customer.id).execution_options(synchronize_session="fetch")))
    if not given:
        return
    theirs = select(Subscription.id, Subscription.customer_id).where(Subscription.customer_id.in_(given))
    for subscription_id, customer_id in db.session.execute(theirs):
        enqueue("payments.follow_subscription", subscription_id, customer_id)
    unplaced.look_again(given)


def look(customer_id: str) -> dict[str, Any]:
    """The Customer as it is now; one that Stripe does not have counts as deleted."""
    return gateway.fetch_customer(customer_id) or {"id": customer_id, "deleted": True}


def _key(email: str | None) -> str | None:
    try:
        return emails.key(email) if email else None
    except emails.NotAnAddress:
        log.info("customer has an odd address")
        return None
