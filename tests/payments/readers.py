"""Readers who subscribe, for this room's tests: each step as she does it, in the browser and on Stripe's page."""

from typing import Any

from sqlalchemy import select

from kit import clock
from kit.database import db
from membership import memberships
from membership.models import Account, Membership, MembershipInterval
from payments import plans
from payments.models import CheckoutIntent, Customer, Subscription


def put_on_sale(sandbox: Any) -> None:
    """The default plans, made at the sandbox as ``stripe plans sync`` does."""
    terms = plans.wanted()
    db.session.rollback()
    plans.write(terms, plans.look(terms, create=True))
    db.session.commit()
    sandbox.take_deliveries()


def press(browser: Any, plan: str = "reader-monthly") -> str:
    """She presses the plan's button; the id of the Session that Stripe made for it."""
    answer = browser.post("/subscribe/checkout", {"plan": plan})
    assert answer.status == 303, answer.text
    db.session.rollback()
    url = answer.headers["Location"]
    session_id = db.session.scalars(select(CheckoutIntent.session_id).where(CheckoutIntent.session_url == url)).one()
    assert session_id
    return session_id


def back(url: str) -> str:
    """Path and query of the address that Stripe sends her back to."""
    return url.removeprefix("http://localhost")


def entitled(account_id: int) -> bool:
    db.session.rollback()
    return memberships.is_entitled(db.session.get(Membership, account_id), clock.now())


def described(account_id: int) -> dict[str, Any]:
    """The contract's membership object."""
    db.session.rollback()
    return memberships.describe(account_id, clock.now())


def subscription_of(account_id: int) -> Subscription:
    """Her newest Subscription in our mirror."""
    db.session.rollback()
    mine = select(Subscription).join(Customer, Customer.id == Subscription.customer_id).where(Customer.account_id == account_id)
    return db.session.scalars(mine.order_by(Subscription.started_at.desc())).first()  # type: ignore[return-value]


def subscribe(visit: Any, sandbox: Any, deliver: Any, account: Account, plan: str = "reader-monthly", **typed: str) -> str:
    """Subscribe and pay, all told and applied; her Subscription's id."""
    account_id, browser = account.id, visit(account)
    sandbox.pay(press(browser, plan), **typed)
    deliver()
    return subscription_of(account_id).id


def history(account_id: int) -> list[tuple[str, str | None]]:
    db.session.rollback()
    rows = db.session.scalars(
        select(MembershipInterval)
        .where(MembershipInterval.account_id == account_id, MembershipInterval.superseded_at.is_(None))
        .order_by(MembershipInterval.effective_at)
    )
    return [(row.state, row.end_cause) for row in rows]


def lived(account_id: int) -> list[tuple[str, str, int, str | None]]:
    """(class, state, monthly rate in minor units, why it ended) of each row of her history in force."""
    db.session.rollback()
    rows = db.session.scalars(
        select(MembershipInterval)
        .where(MembershipInterval.account_id == account_id, MembershipInterval.superseded_at.is_(None))
        .order_by(MembershipInterval.effective_at)
    )
    return [(row.klass, row.state, row.mrr_720 // 720, row.end_cause) for row in rows]
