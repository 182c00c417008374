"""Plans: what readers choose from, and the Prices that Stripe has for them, found by lookup key."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import structlog
from flask_babel import gettext
from sqlalchemy import select

from kit import clock
from kit.database import db
from kit.settings import settings
from payments import gateway
from payments.domain import plans as rules
from payments.domain.events import is_id
from payments.models import Plan, Subscription

log = structlog.get_logger("payments.plans")
LEASE = "plans"  # under which all of them are looked at and written together


@dataclass(frozen=True, slots=True)
class Offer:
    """A plan on sale as other rooms may show it: ``amount`` in minor units of ``currency`` each ``interval`` (month, year)."""

    key: str
    level: str
    name: str
    description: str
    amount: int
    currency: str
    interval: str
    trial_days: int = 0


def on_offer() -> list[Offer]:
    """What can be bought now, in the publisher's order."""
    rows = db.session.scalars(select(Plan).where(Plan.on_sale, Plan.price_id.is_not(None)).order_by(Plan.position, Plan.key))
    return [
        Offer(row.key, row.level, row.name, row.description, row.unit_amount, row.currency, row.interval, row.trial_days) for row in rows
    ]


def named(key: str) -> Plan | None:
    """The plan on sale with this key; a Price id or the key of a plan that was withdrawn is nothing to us."""
    if not is_id(key):
        return None
    return db.session.scalars(select(Plan).where(Plan.key == key, Plan.on_sale, Plan.price_id.is_not(None))).one_or_none()


def keys_of(prices: Iterable[dict[str, Any]]) -> list[str | None]:
    """The plan that each of these Prices sells; None for one that is not ours."""
    offered = [
        rules.Offered(row.key, row.interval, row.product_id, row.price_id)
        for row in db.session.scalars(select(Plan).order_by(Plan.position))
    ]
    return [rules.plan_of(price, offered) for price in prices]


def plan_of(prices: tuple[dict[str, Any], ...]) -> str | None:
    """The plan that one of these Prices sells; None when none of them is ours."""
    return next((key for key in keys_of(prices) if key is not None), None)


def key_of(price_id: str) -> str | None:
    """The plan whose Price this is now."""
    return db.session.scalars(select(Plan.key).where(Plan.price_id == price_id)).one_or_none()


def price_ids() -> dict[str, str]:
    """The Price of each plan on sale, by its key."""
    rows = db.session.execute(select(Plan.key, Plan.price_id).where(Plan.on_sale, Plan.price_id.is_not(None)))
    return {key: price_id for key, price_id in rows if price_id}


def of_key(key: str | None) -> Plan | None:
    """A plan by its key, on sale or not."""
    return db.session.get(Plan, key) if key else None


def next_of(row: Subscription) -> Plan | None:
    """The plan that begins with this Subscription's next payment; None while the present one goes on."""
    return of_key(row.next_plan_key) if row.next_at is not None and row.next_at == row.period_end else None


def all_plans() -> list[Plan]:
    """Every plan, for staff, in the publisher's order."""
    return list(db.session.scalars(select(Plan).order_by(Plan.position, Plan.key)))


def set_trial_days(key: str, typed: str) -> Plan | None:
    """Free days of this plan from now on. None when there is no such plan. Raises Refused (``trial_days``)."""
    row = of_key(key) if is_id(key) else None
    if row is not None:
        row.trial_days = rules.trial_days(typed)
    return row


def wanted() -> list[rules.PlanTerms]:
    """The plans of this publication: the table's, or the defaults before there are any."""
    rows = list(db.session.scalars(select(Plan).order_by(Plan.position)))
    if not rows:
        return list(rules.defaults(gettext))
    return [rules.PlanTerms(row.key, row.level, row.name, row.description, row.interval, row.unit_amount) for row in rows]


def look(terms: list[rules.PlanTerms], *, create: bool = False) -> list[dict[str, Any]]:
    """The Prices that Stripe has for these plans, each with its Product; ``create`` makes the missing ones there.

    One that is archived is not missing: somebody took it off sale, and it keeps its lookup key.
    """
    found = {price["lookup_key"]: price for price in gateway.list_prices([plan.key for plan in terms])}
    if not create:
        return list(found.values())
    missing = [plan.key for plan in terms if plan.key not in found]
    found |= {price["lookup_key"]: price for price in gateway.list_prices(missing, active=False)} if missing else {}
    currency = settings()["CURRENCY"]
    products = {plan.level: found[plan.key]["product"] for plan in terms if plan.key in found}
    for plan in terms:
        if plan.key in found:
            continue
        if plan.level not in products:
            name = plan.name.partition(",")[0]
            product = {"name": name, "description": plan.description, "metadata": {"level": plan.level}}
            products[plan.level] = gateway.create_product(product, f"product-{plan.level}-{currency}")
        price = {
            "product": products[plan.level]["id"],
            "currency": currency,
            "unit_amount": plan.unit_amount,
            "recurring": {"interval": plan.interval},
            "lookup_key": plan.key,
            "metadata": {"plan": plan.key},
        }
        # With the Product in the key: where that was deleted too, and made again, this is another wish.
        made = gateway.create_price(price, f"price-{plan.key}-{currency}-{plan.unit_amount}-{products[plan.level]['id']}")
        found[plan.key] = {**made, "product": products[plan.level]}
    return list(found.values())


def look_again() -> tuple[list[rules.PlanTerms], list[dict[str, Any]]]:
    """Our plans and the Prices that Stripe has for them now."""
    terms = wanted()
    db.session.rollback()  # no transaction stays open while we ask
    return terms, look(terms)


def write(terms: list[rules.PlanTerms], prices: list[dict[str, Any]]) -> list[Plan]:
    """Make the table agree with Stripe's Prices. Stripe's amount is what will be charged, so it is what we show."""
    by_key = {price["lookup_key"]: price for price in prices}
    rows = []
    for position, plan in enumerate(terms):
        price = by_key.get(plan.key)
        row = db.session.get(Plan, plan.key) or Plan(key=plan.key, position=position, currency=settings()["CURRENCY"])
        row.level, row.name, row.description = plan.level, plan.name, plan.description
        row.interval, row.unit_amount = plan.interval, plan.unit_amount
        row.on_sale = price is not None and price["active"] and price["product"].get("active", True)
        if price is not None:
            row.price_id, row.product_id = price["id"], price["product"]["id"]
            row.unit_amount, row.currency = price["unit_amount"], price["currency"]
            row.interval = price["recurring"]["interval"]
        row.synced_at = clock.now()
        db.session.add(row)
        rows.append(row)
    db.session.flush()
    return rows
