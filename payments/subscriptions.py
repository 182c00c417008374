"""Subscriptions: look at Stripe under the Customer's lease, mirror, and tell membership what it gives."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import select

from kit import clock
from kit.database import db
from kit.jobs import enqueue
from membership import memberships
from membership.domain.standing import TERMINAL, Snapshot
from membership.models import Account, MembershipSource
from payments import alarms, contributions, customers, dunning, gateway, gifts, groups, plans, sites, unplaced, withheld
from payments.domain import subscriptions as rules
from payments.domain.changes import outgrown
from payments.domain.sites import said_by
from payments.models import Subscription

log = structlog.get_logger("payments.subscriptions")
OVER = ("canceled", "incomplete", "incomplete_expired")


@dataclass(frozen=True, slots=True)
class Look:
    """A Subscription as Stripe had it at ``observed_at`` (just before the fetch); ``found`` None: Stripe has it not."""

    subscription_id: str
    observed_at: datetime
    found: dict[str, Any] | None


def look(subscription_id: str) -> Look:
    """Ask Stripe. No transaction may be open."""
    at = clock.now()
    return Look(subscription_id, at, gateway.fetch_subscription(subscription_id))


def write(seen: Look) -> Subscription | None:
    """Mirror what was seen and let the membership follow, in the caller's transaction. Nobody is told: see following.py.

    None for what Stripe does not have, and for another site's: what is mirrored may be acted upon, and that one does so itself.
    """
    if seen.found is None:
        log.warning("stripe does not have this subscription", subscription=seen.subscription_id)
        return None
    found = rules.read(seen.found, seen.observed_at)
    if sites.is_anothers(said_by(seen.found), found.customer_id):
        return None
    row = db.session.get(Subscription, found.id, with_for_update=True, populate_existing=True)
    if row is not None and row.status in TERMINAL and found.status not in TERMINAL:
        return row  # ended stays ended
    # The lease puts looks in order; clocks of two machines might not.
    observed_at = seen.observed_at if row is None else max(seen.observed_at, row.fetched_at + timedelta(microseconds=1))
    known = rules.Known(row.price_id, row.amount, row.ends_at, row.mrr_720, row.fetched_at) if row is not None else None
    keys = plans.keys_of(found.prices)
    plan_key = next((key for key in keys if key is not None), None)
    ours = [key is not None for key in keys]
    rate = rules.rate(found, ours)
    row = _mirror(row, found, plan_key, observed_at)
    row.committed_720 = rules.committed(found, ours)
    for name, value in what_waits(seen.found).items():
        setattr(row, name, value)
    db.session.flush()
    if outgrown(seen.found):
        enqueue("payments.retell_change", row.id, row.customer_id)
    dunning.follow(row, seen.found, first=known is None)
    if known is None:
        unplaced.look_again([row.customer_id])
    if found.purpose == "contribution":
        contributions.follow_subscription(seen.found)  # gives thanks, never access
        withheld.ended_if_lost(row)
        return row
    account_id = customers.account_of(found.customer_id)
    if account_id is None:
        log.info("subscription of a customer without an account", subscription=found.id)
        return row
    unknown = [price["id"] for price, key in zip(found.prices, keys, strict=True) if key is None]
    if unknown and found.ended_at is None:
        log.warning("subscription to a price that is none of ours", subscription=found.id, prices=unknown)
        alarms.unknown_prices(found.id, unknown)
    _let_read(account_id, row, rules.snapshot(found, plan_key, known, observed_at, mrr_720=rate))
    return row


def _let_read(account_id: int, row: Subscription, snapshot: Snapshot) -> None:
    """Membership follows what it gives; what is none of our plans, and never was, gives nothing."""
    if row.plan_key is not None or _is_source(row.id):
        memberships.follow(account_id, withheld.checked(snapshot, row))
        groups.follow(row)
        gifts.place(account_id)


def of_account(account_id: int) -> list[Subscription]:
    """This account's Subscriptions that let her read or could again, newest first."""
    from payments.models import Customer

    mine = select(Customer.id).where(Customer.account_id == account_id)
    return list(
        db.session.scalars(
            select(Subscription)
            .where(Subscription.customer_id.in_(mine), Subscription.purpose == "subscription", Subscription.status.not_in(OVER))
            .order_by(Subscription.started_at.desc(), Subscription.id)
        )
    )


def cancel_all(account: Account) -> None:
    """Cancel at Stripe what an account that is being closed still pays for (a signal's handler: queues, never calls)."""
    from kit.jobs import enqueue

    for row in of_account(account.id):
        enqueue("payments.cancel_subscription", row.id, row.customer_id, key=row.id)


def _mirror(row: Subscription | None, found: rules.Seen, plan_key: str | None, observed_at: datetime) -> Subscription:
    row = row or Subscription(id=found.id)
    row.customer_id, row.purpose, row.status, row.plan_key = found.customer_id, found.purpose, found.status, plan_key
    row.price_id, row.amount, row.currency = found.price_id, found.amount, found.currency
    row.quantity, row.mrr_720 = found.quantity, found.mrr_720
    row.pause_behavior, row.pause_by = found.pause, found.pause_by and found.pause_by[:20]
    row.resumes_at, row.update_expires_at = found.resumes_at, found.update_expires_at
    row.interval, row.interval_count = found.interval, found.interval_count
    row.started_at, row.period_start, row.period_end = found.started_at, found.period_start, found.period_end
    row.trial_end, row.ends_at, row.canceled_at = found.trial_end, found.ends_at, found.canceled_at
    row.ended_at, row.cancel_reason, row.fetched_at = found.ended_at, found.cancel_reason, observed_at
    db.session.add(row)
    db.session.flush()
    return row


def what_waits(found: dict[str, Any]) -> dict[str, Any]:
    """The mirror's columns of the change of plan that a schedule at Stripe will make; a Price that is none of ours shows no plan."""
    coming = rules.coming(found)
    return {
        "schedule_id": coming.schedule_id if coming else None,
        "next_plan_key": plans.key_of(coming.price_id) if coming and coming.price_id else None,
        "next_at": coming.at if coming and coming.price_id else None,
    }


def _is_source(subscription_id: str) -> bool:
    mine = select(MembershipSource.id).where(MembershipSource.kind == "subscription", MembershipSource.source_id == subscription_id)
    return db.session.scalar(mine) is not None
