"""Leaving and staying: an end and its undoing, both through Stripe, and why, kept here and there."""

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select, update

from kit import clock
from kit.database import db
from kit.jobs import enqueue
from membership.domain.standing import TERMINAL
from payments import changes, customers, endings, gateway, leases, notices, subscriptions
from payments.domain import cancellations as rules
from payments.models import Cancellation, Subscription
from payments.subscriptions import Look

ELSEWHERE = "reader"  # who it is when nobody else is named
FORGET_AFTER = 120.0  # seconds: whoever wrote the cause may be about to end it


class NotTheReaders(Exception):
    """This end is somebody's decision here: the reader cannot take it back."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Why and how an end is asked for. ``by``: "reader", or the address of who does it for her. ``note`` stays with us."""

    cause: str = "reader"
    source: str = "page"
    by: str = ELSEWHERE
    reason: str = ""
    comment: str = ""
    shown: tuple[str, ...] = ()
    note: str = ""


def schedule(subscription_id: str, customer_id: str, wish: Wish) -> Subscription | None:
    """End it when what is paid is over: at once where it is over already, and the next payment is still being tried.

    The caller commits. Raises LeaseBusy, GatewayUnavailable, GatewayRefused.
    """
    with leases.held(customer_id, patience=2.0) as lease:
        row = db.session.get(Subscription, subscription_id)
        if row is not None and wish.source == "page" and _has_left(row):
            lease.guard()
            return row  # the other click was first
        db.session.rollback()
        found = gateway.fetch_subscription(subscription_id)
        changes.let_go(found)
        if found is not None and rules.ends_at_once(found):
            if wish.source == "page" and not rules.is_readers(found):
                wish = replace(wish, cause=rules.cause_of(found))  # she only has it sooner
            seen = _ended(subscription_id, wish)
        else:
            seen = _scheduled(subscription_id, wish)
        lease.guard()
        return write(seen, wish)


def _has_left(row: Subscription) -> bool:
    return row.ended_at is not None or (row.ends_at is not None and not endings.at_once(row))


def _scheduled(subscription_id: str, wish: Wish) -> Look:
    params: dict[str, Any] = {"cancel_at_period_end": True, "metadata": rules.ending(wish.cause, wish.source, wish.shown)}
    told = rules.details(wish.reason, wish.comment)
    if told:
        params["cancellation_details"] = told
    at = clock.now()
    return Look(subscription_id, at, gateway.update_subscription(subscription_id, params))


def end_now(subscription_id: str, customer_id: str, wish: Wish) -> Subscription | None:
    """End it at once, a Subscription or a monthly contribution; what is paid is not given back by this. The caller commits.

    Ending what has ended changes nothing. Raises LeaseBusy, LeaseLost, GatewayUnavailable, GatewayRefused.
    """
    with leases.held(customer_id, patience=2.0) as lease:
        seen = _ended(subscription_id, wish)
        lease.guard()
        return write(seen, wish)


def _ended(subscription_id: str, wish: Wish) -> Look:
    """The cause is written to Stripe before the end: afterwards a killed process would leave an end that nobody explains."""
    told = rules.details(wish.reason, wish.comment)
    gateway.update_subscription(subscription_id, {"metadata": rules.ending(wish.cause, wish.source, wish.shown)})
    try:
        gateway.cancel_subscription(subscription_id, {"cancellation_details": told} if told else None)
    except gateway.GatewayRefused as error:
        if error.code != "resource_missing":  # it has ended already
            raise
    return subscriptions.look(subscription_id)


def undo(subscription_id: str, customer_id: str) -> Subscription | None:
    """It renews again. The caller commits. Raises NotTheReaders, LeaseBusy, GatewayUnavailable, GatewayRefused."""
    with leases.held(customer_id, patience=2.0) as lease:
        found = gateway.fetch_subscription(subscription_id) or {}
        if not rules.is_readers(found):
            raise NotTheReaders(subscription_id)
        params = rules.undone(found)
        at = clock.now()
        found = gateway.update_subscription(subscription_id, params)
        lease.guard()
        return write(Look(subscription_id, at, found))


def write(seen: Look, wish: Wish | None = None) -> Subscription | None:
    """Mirror what was seen, keep why it ends, and tell the reader what is new. ``wish``: whose asking it was, where that is known."""
    before = notices.known(seen.subscription_id)
    row = subscriptions.write(seen)
    kept = follow(row, seen.found)
    if kept is not None and wish is not None:
        kept.cause, kept.by = wish.cause, wish.by
        kept.comment = wish.note or rules.cleaned(wish.comment) or kept.comment
    notices.tell(before, row)
    return row


def follow(row: Subscription | None, found: dict[str, Any] | None) -> Cancellation | None:
    """Keep why a Subscription ends, wherever that was said; or that it was taken back. The same however often."""
    if row is None or found is None:
        return None
    over = row.ended_at is not None
    asked = row.canceled_at if (over or row.ends_at is not None) and row.cancel_reason == "cancellation_requested" else None
    if asked is None:
        if not over:
            _take_back(row)
            if (found.get("metadata") or {}).get("end_cause") and row.ends_at is None:
                enqueue("payments.forget_cause", row.id, row.customer_id, delay=FORGET_AFTER)
        return None
    source, shown, reason, comment = rules.told(found)
    kept = db.session.scalars(select(Cancellation).where(Cancellation.subscription_id == row.id, Cancellation.at == asked)).one_or_none()
    if kept is None:
        kept = Cancellation(
            subscription_id=row.id,
            account_id=customers.account_of(row.customer_id),
            outcome="ended",
            cause=(found.get("metadata") or {}).get("end_cause") or "reader",
            source=source,
            by=ELSEWHERE,
            offers_shown=list(shown),
            comment="",
            at=asked,
        )
        db.session.add(kept)
    kept.ends_at = row.ended_at or row.ends_at
    kept.reason, kept.comment = reason or kept.reason, comment or kept.comment
    db.session.flush()
    return kept


def forget_cause(subscription_id: str, customer_id: str) -> Subscription | None:
    """A cause without an end (taken back in the portal, or a process was killed before the end): it must explain no later one.

    The caller commits. Raises LeaseBusy, LeaseLost, GatewayUnavailable, GatewayRefused.
    """
    with leases.held(customer_id, patience=5) as lease:
        found = gateway.fetch_subscription(subscription_id) or {}
        ending = found.get("ended_at") or found.get("cancel_at") or found.get("cancel_at_period_end")
        if found and not ending and (found.get("metadata") or {}).get("end_cause"):
            gateway.update_subscription(subscription_id, {"metadata": rules.nothing()})
        seen = subscriptions.look(subscription_id)
        lease.guard()
        return write(seen)


def keep(row: Subscription, offer: str, wish: Wish) -> Cancellation:
    """She took an offer instead of leaving."""
    kept = Cancellation(
        subscription_id=row.id,
        account_id=customers.account_of(row.customer_id),
        outcome="kept",
        reason=wish.reason if wish.reason in rules.REASONS else None,
        comment=rules.cleaned(wish.comment),
        offers_shown=list(wish.shown),
        offer_accepted=offer,
        source=wish.source,
        by=wish.by,
        at=clock.now(),
    )
    db.session.add(kept)
    db.session.flush()
    return kept


def of_subscription(subscription_id: str) -> list[Cancellation]:
    """Every asking, newest first."""
    mine = select(Cancellation).where(Cancellation.subscription_id == subscription_id)
    return list(db.session.scalars(mine.order_by(Cancellation.at.desc())))


def _take_back(row: Subscription) -> None:
    if row.status in TERMINAL:
        return
    mine = (Cancellation.subscription_id == row.id, Cancellation.outcome == "ended", Cancellation.undone_at.is_(None))
    db.session.execute(update(Cancellation).where(*mine).values(undone_at=row.fetched_at))
