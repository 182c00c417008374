"""Contributions: what became of what a reader promised (promises.py), and whose it is.

A contribution's status is a projection: of Stripe's Session or Subscription, and of what the ledger holds. So it does
not matter which is heard of first, nor how often.
"""

from typing import Any

import structlog
from sqlalchemy import func, select, update

from kit.database import db
from membership.models import Account
from payments import alarms, customers, risks
from payments.domain import contributions as rules
from payments.domain import sessions
from payments.domain.ledger import difference, id_of
from payments.models import CheckoutIntent, Contribution, LedgerEntry, Receipt

log = structlog.get_logger("payments.contributions")
Stripes = dict[str, Any]

# Stripe's words for a Subscription, as a monthly contribution's.
_STANDING = {"active": "active", "trialing": "active", "past_due": "past_due", "unpaid": "past_due", "paused": "past_due"} | {
    "canceled": "canceled",
    "incomplete_expired": "canceled",
}
_BACK = ("refund", "refund_failed", "dispute", "dispute_reversal")


# --- looking ----------------------------------------------------------------------------------------------------------


def of_intent(intent_id: str) -> Contribution:
    """The contribution that this intent is for."""
    return db.session.scalars(select(Contribution).where(Contribution.intent_id == intent_id)).one()


def of_account(account_id: int, most: int = 100) -> list[Contribution]:
    """A reader's contributions that came to something, newest first."""
    came = Contribution.paid_at.is_not(None) | Contribution.status.in_(("active", "past_due"))
    query = select(Contribution).where(Contribution.account_id == account_id, came)
    return list(db.session.scalars(query.order_by(Contribution.id.desc()).limit(most)))


def named_by(metadata: Stripes, subscription_id: str | None) -> Contribution | None:
    """The contribution that Stripe's metadata names or whose Subscription this is. The caller checks what was paid."""
    if subscription_id:
        found = db.session.scalars(select(Contribution).where(Contribution.subscription_id == subscription_id)).first()
        if found is not None:
            return found
    if metadata.get("purpose") != "contribution":
        return None
    return db.session.scalars(select(Contribution).where(Contribution.public_id == str(metadata.get("contribution")))).one_or_none()


# --- following Stripe -------------------------------------------------------------------------------------------------


def follow_session(session: Stripes) -> Contribution | None:
    """Take over what a Checkout Session says, as fetched. None when it is not the one that we made for its contribution.

    An expanded ``payment_intent`` that failed for good (a bank's late refusal) makes a pending contribution a failed one.
    """
    found = named_by(session.get("metadata") or {}, None)
    intent = db.session.get(CheckoutIntent, found.intent_id) if found else None
    if found is None or intent is None:
        return None
    contribution = _locked(found.id)
    strange = difference((session.get("amount_total") or 0, session.get("currency") or ""), (intent.amount, intent.currency))
    if strange or session.get("client_reference_id") != intent.id or intent.session_id not in (None, session["id"]):
        log.error("unexpected money", session=session["id"], contribution=contribution.public_id, note=strange or "another session")
        alarms.unexpected_session(session, f"{strange or 'another session'}, contribution {contribution.public_id}")
        return None
    contribution.customer_id = id_of(session.get("customer")) or contribution.customer_id
    contribution.subscription_id = id_of(session.get("subscription")) or contribution.subscription_id
    contribution.payment_intent_id = id_of(session.get("payment_intent")) or contribution.payment_intent_id
    if contribution.status in ("pending", "failed", "canceled"):
        contribution.status = sessions.outcome(session)
    settle(contribution.id)
    return contribution


def follow_subscription(subscription: Stripes) -> Contribution | None:
    """Take over where the Subscription of a monthly contribution stands, as fetched. None when it is not the one we asked for."""
    found = named_by(subscription.get("metadata") or {}, subscription["id"])
    if found is None or found.frequency != "month":
        return None
    contribution = _locked(found.id)
    items = subscription["items"]["data"]
    monthly = sum((item["price"].get("unit_amount") or 0) * (item.get("quantity") or 1) for item in items)
    note = difference((monthly, subscription["currency"]), (contribution.amount + contribution.fee_cover, contribution.currency))
    another = contribution.subscription_id not in (None, subscription["id"])
    if note or another:
        note = note or "another subscription"
        log.error("unexpected money", subscription=subscription["id"], contribution=contribution.public_id, note=note)
        alarms.unexpected_money(subscription["id"], f"{note}, contribution {contribution.public_id}")
    if another or (note and contribution.subscription_id is None):
        return None  # one whose sum was changed later, at Stripe, goes on and ends as the contribution that it was
    contribution.subscription_id = subscription["id"]
    contribution.customer_id = id_of(subscription.get("customer")) or contribution.customer_id
    contribution.status = _STANDING.get(subscription["status"], "pending")
    settle(contribution.id)
    return contribution


def settle(contribution_id: int | None) -> None:
    """Make the status and the sums agree with the ledger. Called whenever it or Stripe's word changed."""
    if contribution_id is None:
        return
    contribution = _locked(contribution_id)
    entries = select(LedgerEntry.kind, func.sum(LedgerEntry.amount), func.min(LedgerEntry.occurred_at))
    sums = {kind: (int(total), first) for kind, total, first in db.session.execute(
        entries.where(LedgerEntry.contribution_id == contribution_id).group_by(LedgerEntry.kind)
    )}  # fmt: skip
    paid, first = sums.get("payment", (0, None))
    # A bank may take all of a payment of which a part was given back before: the ledger says so, and nobody had back more than she gave.
    contribution.refunded = min(paid, max(0, -sum(sums[kind][0] for kind in _BACK if kind in sums)))
    contribution.paid_at = first
    before = {"paid": "pending", "refunded": "canceled" if contribution.frequency == "month" else "pending"}
    says = before.get(contribution.status, contribution.status)
    contribution.status = rules.status_of(contribution.frequency, says, paid, contribution.refunded)
    risks.hold(contribution.id)
    if paid and contribution.account_id is None:
        _attach_to_proven(contribution)
    elif contribution.account_id is not None:
        _hand_over([contribution.id], contribution.account_id)
    db.session.flush()


def _locked(contribution_id: int) -> Contribution:
    """Under its row's lock, so that of two jobs the second sums up what the first booked."""
    db.session.flush()
    return db.session.get_one(Contribution, contribution_id, with_for_update=True, populate_existing=True)


# --- whose it is ------------------------------------------------------------------------------------------------------


def _attach_to_proven(contribution: Contribution) -> None:
    """A guest typed an address that somebody with an account has proven: it is hers."""
    if contribution.email_key is None:
        return
    owner = select(Account.id).where(
        Account.email_key == contribution.email_key, Account.confirmed_at.is_not(None), Account.closed_at.is_(None)
    )
    account_id = db.session.scalars(owner).one_or_none()
    if account_id is not None:
        _hand_over([contribution.id], account_id)


def claim(account: Account) -> None:
    """A proven address takes over its guest contributions, with their receipts and ledger entries. Never before it is proven."""
    if account.confirmed_at is None:
        return
    hers = select(CheckoutIntent.id).where(CheckoutIntent.account_id == account.id)
    guests = select(Contribution.id).where(
        Contribution.account_id.is_(None), (Contribution.email_key == account.email_key) | Contribution.intent_id.in_(hers)
    )
    _hand_over(list(db.session.scalars(guests)), account.id)
    receipts = update(Receipt).where(Receipt.account_id.is_(None), Receipt.email_key == account.email_key)
    db.session.execute(receipts.values(account_id=account.id))


def _hand_over(contribution_ids: list[int], account_id: int) -> None:
    if not contribution_ids:
        return
    given = Contribution.id.in_(contribution_ids)
    db.session.execute(update(Contribution).where(given, Contribution.account_id.is_(None)).values(account_id=account_id))
    entries = select(LedgerEntry.id).where(LedgerEntry.contribution_id.in_(contribution_ids))
    for table, hers in ((LedgerEntry, LedgerEntry.id.in_(entries)), (Receipt, Receipt.ledger_entry_id.in_(entries))):
        db.session.execute(
            update(table)
            .where(hers, table.account_id.is_(None))
            .values(account_id=account_id)
            .execution_options(synchronize_session="fetch")
        )
    # So that the portal opens for her: a monthly contribution is ended there.
    payers = select(Contribution.customer_id).where(given, Contribution.customer_id.is_not(None)).distinct()
    customers.give([payer for payer in db.session.scalars(payers) if payer is not None], account_id)
