"""What may be offered to somebody who leaves, and what happens when she takes it. None of it stands in the way."""

from typing import Any

from sqlalchemy import exists, select

from kit import clock
from kit.database import db
from payments import cancellations, changes, dunning, following, gateway, leases, pauses, plans, subscriptions
from payments.cancellations import Wish
from payments.domain import cancellations as rules
from payments.domain import dunning as overdue
from payments.domain import subscriptions as reading
from payments.domain.changes import NotNow, Terms
from payments.domain.ledger import id_of
from payments.models import Cancellation, Plan, Subscription
from payments.subscriptions import Look


class NotOffered(Exception):
    """This is not on offer for her (any more)."""


def fitting(account_id: int, row: Subscription) -> tuple[str, ...]:
    """The offers for this Subscription now, the gentlest first."""
    renewing = bool(pauses.choices(row)) and row.quantity == 1
    return rules.offers(
        interval=row.interval if row.interval_count == 1 else None,
        renewing=renewing,
        yearly_on_sale=yearly(row) is not None,
        had_free_month=had_free_month(account_id) or row.schedule_id is not None,
    )


def yearly(row: Subscription) -> Plan | None:
    """The yearly plan of the same level, if it is on sale and costs less than twelve months."""
    mine = db.session.get(Plan, row.plan_key) if row.plan_key else None
    if mine is None or mine.interval != "month":
        return None
    found = db.session.scalars(
        select(Plan)
        .where(Plan.level == mine.level, Plan.interval == "year", Plan.on_sale, Plan.price_id.is_not(None))
        .order_by(Plan.position)
    ).first()
    return found if found is not None and found.currency == row.currency and found.unit_amount < 12 * row.amount else None


def had_free_month(account_id: int) -> bool:
    """Once a person a year, whoever gave it."""
    since = clock.now() - rules.FREE_MONTH_EVERY
    mine = (Cancellation.account_id == account_id, Cancellation.offer_accepted == "free_month", Cancellation.at > since)
    return bool(db.session.scalar(select(exists().where(*mine))))


def pause(subscription_id: str, customer_id: str, months: int, wish: Wish) -> Subscription | None:
    """Nothing is charged for one to three months after what is paid; then it goes on by itself. The caller commits.

    Raises NotOffered, LeaseBusy, GatewayUnavailable, GatewayRefused.
    """
    row = db.session.get(Subscription, subscription_id)
    until = dict(pauses.choices(row)).get(months) if row is not None else None
    if until is None:
        raise NotOffered("pause")
    try:
        changed = pauses.pause(subscription_id, customer_id, until=until)
    except NotNow as error:
        raise NotOffered("pause") from error
    return _kept(changed, "pause", wish)


def yearly_quote(row: Subscription) -> changes.Quote | None:
    """What the year would cost now; None where it is not on offer or nobody can say. Ends the transaction: Stripe is asked."""
    plan = yearly(row)
    offer = next((one for one in plans.on_offer() if plan is not None and one.key == plan.key), None)
    if plan is None or plan.price_id is None or offer is None:
        return None
    ask = (row.id, row.plan_key, [offer], {plan.key: plan.price_id})
    db.session.rollback()
    try:
        return next(iter(changes.quotes(*ask)), None)
    except (NotNow, gateway.GatewayUnavailable, gateway.GatewayRefused):
        return None


def to_yearly(subscription_id: str, customer_id: str, wish: Wish, as_of: str = "") -> Subscription | None:
    """The yearly price of her level, at the sum that was shown ``as_of``; with ``update_expires_at`` it waits for its payment, and she is not counted as kept.

    The caller commits. Raises NotOffered, LeaseBusy, GatewayUnavailable, GatewayRefused.
    """
    row = db.session.get(Subscription, subscription_id)
    plan = yearly(row) if row is not None else None
    if plan is None or plan.price_id is None:
        raise NotOffered("yearly")
    price_id, terms = plan.price_id, Terms(plan.interval, plan.unit_amount)
    try:
        changed = changes.switch(subscription_id, customer_id, price_id, terms, as_of)
    except NotNow as error:
        raise NotOffered("yearly") from error
    return _kept(changed, "yearly", wish)


def _kept(changed: Subscription | None, offer: str, wish: Wish) -> Subscription | None:
    if changed is not None and changed.update_expires_at is None:  # one that waits for its payment may come to nothing
        cancellations.keep(changed, offer, wish)
    return changed


def free_month(account_id: int, subscription_id: str, customer_id: str, wish: Wish) -> Subscription | None:
    """A month's price off her next payment: a coupon at Stripe, for one invoice. The caller commits.

    Raises NotOffered, LeaseBusy, GatewayUnavailable, GatewayRefused. The lease makes a second click see the first.
    """
    with leases.held(customer_id, patience=2.0) as lease:
        row = db.session.get(Subscription, subscription_id)
        if row is None or row.interval != "month" or had_free_month(account_id):
            raise NotOffered("free_month")
        coupon = rules.free_month_coupon(row.amount, row.currency)
        db.session.rollback()
        at, found = _discounted(subscription_id, coupon)
        lease.guard()
        return _kept(following.write(Look(subscription_id, at, found)), "free_month", wish)


def _discounted(subscription_id: str, coupon: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    at, found = clock.now(), gateway.fetch_subscription(subscription_id) or {}
    if reading.coming(found) is not None:
        raise NotOffered("free_month")  # the schedule's phases were told their discounts when it was made: this one would be lost
    running = found.get("discounts") or []
    if any(_coupon_of(one) == coupon["id"] for one in running):
        return at, found  # Stripe heard us before, and we did not hear it
    kept: list[dict[str, Any]] = [{"discount": one["id"] if isinstance(one, dict) else one} for one in running]
    params = {"discounts": [*kept, {"coupon": coupon["id"]}]}
    try:
        return clock.now(), gateway.update_subscription(subscription_id, params)
    except gateway.GatewayRefused as error:
        if error.code != "resource_missing":
            raise
    gateway.create_coupon(coupon, f"coupon-{coupon['id']}")
    return clock.now(), gateway.update_subscription(subscription_id, params)


def _coupon_of(discount: Any) -> str | None:
    return id_of((discount.get("source") or {}).get("coupon")) if isinstance(discount, dict) else None


def collect(subscription_id: str, customer_id: str) -> Subscription | None:
    """Try the card on file for the newest invoice, now, as often as staff asks. The caller commits.

    Raises LeaseBusy, GatewayUnavailable, GatewayRefused (declined, or the bank wants the reader herself).
    """
    with leases.held(customer_id, patience=2.0) as lease:
        found = gateway.fetch_subscription(subscription_id) or {}
        invoice = found.get("latest_invoice") or {}
        if invoice.get("status") == "open" or overdue.is_overdue(found.get("status", ""), invoice.get("status")):
            # No key of ours: a decline would be answered anew by it for a day. An invoice cannot be paid twice anyway.
            dunning.pay(invoice["id"], invoice["status"], {}, "")
        seen = subscriptions.look(subscription_id)
        lease.guard()
        return following.write(seen)
