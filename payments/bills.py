"""What the reader's page says of the money of each of her Subscriptions: amounts and cards, as sentences have them."""

from datetime import timedelta

from sqlalchemy import select

from kit.database import db
from kit.formats import money
from membership.bills import Bill
from payments import letters, plans
from payments.domain import dunning
from payments.models import Customer, Plan, Subscription


def of_account(account_id: int) -> dict[str, Bill]:
    """By the Subscription's id; those that ended are left out."""
    rows = db.session.scalars(
        select(Subscription)
        .join(Customer, Customer.id == Subscription.customer_id)
        .where(Customer.account_id == account_id, Subscription.purpose == "subscription", Subscription.ended_at.is_(None))
    )
    return {row.id: bill(row) for row in rows}


def bill(row: Subscription) -> Bill:
    """One Subscription's."""
    overdue, due = dunning.is_overdue(row.status, row.invoice_status), row.invoice_status == "open"
    plan, coming = plans.of_key(row.next_plan_key), plans.next_of(row)
    full = money(coming.unit_amount * row.quantity if coming is not None else row.amount, row.currency)
    return Bill(
        price=letters.price(row),
        full_price=full,
        free=row.next_amount == 0,
        every=letters.each(coming.interval) if coming is not None else letters.every(row),
        card=letters.card(row) if row.payment_method_id != "" else "",  # None: not looked at yet
        card_good_through=(row.card_expires_at - timedelta(days=1)).date() if row.card_expires_at else None,
        card_fails_renewal=bool(row.card_expires_at and row.period_end and row.ends_at is None and row.card_expires_at <= row.period_end),
        renews_at=row.period_end,
        discount_until=row.discount_ends_at,
        overdue=money(row.invoice_amount or 0, row.currency) if overdue else "",
        due=money(row.invoice_amount or 0, row.currency) if due else "",
        under_way=row.status == "active",
        pay_url=(row.invoice_url or "") if due else "",
        consent=due and row.action_invoice_id is not None and row.action_invoice_id == row.invoice_id,
        paused=row.pause_behavior is not None or row.status == "paused",
        resumes_at=row.resumes_at,
        next_plan=plan.name if plan is not None else "",
        next_price=_next_price(row, plan) if plan is not None else "",
        next_at=row.next_at,
        unsettled_until=row.update_expires_at,
        unpaid=row.status == "unpaid",
    )


def _next_price(row: Subscription, plan: Plan) -> str:
    """What the waiting plan takes when it begins; discounts are known if that is the next payment."""
    return letters.price(row) if row.next_at == row.period_end else money(plan.unit_amount * row.quantity, plan.currency)
