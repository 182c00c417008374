"""Checkout: from a plan on the page to a Session at Stripe, and from a finished Session to a membership."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import func, select

from kit import clock
from kit.database import db
from kit.settings import settings
from kit.urls import public_url
from membership import memberships
from membership.models import Membership
from payments import alarms, contributions, customers, following, gateway, gifts, intents, leases, plans, subscriptions, trials
from payments.domain.subscriptions import FOLLOWS_A_GIFT
from payments.intents import Asked
from payments.models import CheckoutIntent, Customer, Plan, Subscription

log = structlog.get_logger("payments.checkout")


class NotOnSale(Exception):
    """There is no such plan, or not any more."""


class AlreadyMember(Exception):
    """She pays for a Subscription already: a second one would charge her twice."""


class PaidMeanwhile(Exception):
    """Her open Session was completed in another tab: go to its thanks page."""

    def __init__(self, session_id: str) -> None:
        super().__init__(session_id)
        self.session_id = session_id


def intend(account_id: int, plan_key: str, seats: int = 1) -> Asked:
    """Her wish, under her account's lock: the open one if there is one, else a new one. The caller commits it.

    A double click finds the first click's intent and so, by its key, the same Session. An open wish for another plan
    is found too: ``ask`` closes its Session before a new one is made.
    """
    memberships.lock(account_id)
    plan = plans.named(plan_key)
    if plan is None:
        raise NotOnSale(plan_key)
    if subscriptions.of_account(account_id):
        raise AlreadyMember
    found = intents.open_for(account_id)
    return intents.facts(found or _wish(account_id, plan, seats))


def _wish(account_id: int, plan: Plan, seats: int) -> CheckoutIntent:
    amount = plan.unit_amount * seats
    row = intents.begin("subscribe", account_id=account_id, plan_key=plan.key, seats=seats, amount=amount, currency=plan.currency)
    if seats > 1:
        return row  # a trial is one person's, and so are a gift's days
    free = trials.terms_for(account_id, plan)
    row.trial_days, row.trial_end = free.days, free.until
    return row


def as_before(account_id: int, asked: Asked) -> bool:
    """Would the same wish be asked in the same words now? Not if she was given days, or had her trial, meanwhile."""
    if asked.seats > 1:
        return True
    plan = plans.named(asked.plan_key or "")
    return plan is not None and trials.terms_for(account_id, plan) == trials.Free(asked.trial_days, asked.trial_end)


def replace(account_id: int, old: Asked, plan_key: str, seats: int = 1) -> Asked:
    """Another plan than the open wish's: that one is over (its Session was closed), this one begins.

    Unless another tab has replaced it while we closed the Session: then the answer is that tab's wish, of whichever plan.
    """
    memberships.lock(account_id)
    intents.finish(old.id, "expired")
    plan = plans.named(plan_key)
    if plan is None:
        raise NotOnSale(plan_key)
    if subscriptions.of_account(account_id):
        raise AlreadyMember
    return intents.facts(intents.open_for(account_id) or _wish(account_id, plan, seats))


def close(asked: Asked) -> None:
    """End the Session of an open wish at Stripe. Raises PaidMeanwhile if it was paid before we came."""
    if asked.session_id is None:
        return
    try:
        gateway.expire_checkout_session(asked.session_id)
    except gateway.GatewayRefused as error:
        if still_open(asked) == "complete":
            raise PaidMeanwhile(asked.session_id) from error


def still_open(asked: Asked) -> str:
    """What Stripe says of the wish's Session: open, complete, expired; "new" when there is none yet."""
    found = gateway.fetch_checkout_session(asked.session_id) if asked.session_id else None
    return found["status"] if found else "new"


def terms(account_id: int, asked: Asked) -> tuple[dict[str, Any], dict[str, Any] | None, str]:
    """(the Session's parameters, the Customer to make first or None, that Customer's key); all of it read, nothing asked."""
    plan = plans.named(asked.plan_key or "")
    if plan is None:
        raise NotOnSale(asked.plan_key)
    about = {"intent": asked.id, "purpose": "subscription"}
    params: dict[str, Any] = {
        "mode": "subscription",
        "line_items": [{"price": plan.price_id, "quantity": asked.seats}],
        "client_reference_id": asked.id,
        "metadata": about,
        "subscription_data": {"metadata": about, **_free(asked, about)},
        "allow_promotion_codes": True,
        "payment_method_collection": "always",  # also where nothing is due today: what follows can be charged
        "success_url": public_url("checkout.thanks") + "?session_id={CHECKOUT_SESSION_ID}",
        "cancel_url": public_url("checkout.subscribe"),
        "locale": settings()["LOCALE"].partition("_")[0],
    }
    customer = customers.of_account(account_id)
    if customer:
        return {**params, "customer": customer}, None, ""
    make, key = customers.terms_for(account_id)
    return params, make, key


def _free(asked: Asked, about: dict[str, str]) -> dict[str, Any]:
    """Free time before the first payment. Without a card at its end it is over: nobody is billed who did not agree."""
    ends: dict[str, Any] = {"trial_settings": {"end_behavior": {"missing_payment_method": "cancel"}}}
    if asked.trial_end is not None:
        return {**ends, "trial_end": int(asked.trial_end.timestamp()), "metadata": {**about, "trial": FOLLOWS_A_GIFT}}
    return {**ends, "trial_period_days": asked.trial_days} if asked.trial_days else {}


def ask(account_id: int, asked: Asked) -> dict[str, Any]:
    """The Session of this wish at Stripe; the same key gives the same Session. Its Customer is made first.

    Ends the session's transaction while Stripe is asked. Raises GatewayUnavailable (ask again later), NotOnSale.
    """
    params, make, key = terms(account_id, asked)
    db.session.rollback()
    made = gateway.create_customer(make, key) if make else None
    session = gateway.create_checkout_session({**params, "customer": made["id"]} if made else params, asked.key)
    if made:
        customers.write(made)
    return session


# --- afterwards: the webhook's and the thanks page's one way ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Finished:
    """A Session as it is now, and its Subscription if it made one."""

    session_id: str
    session: dict[str, Any] | None
    subscription: subscriptions.Look | None


def look(session_id: str) -> Finished:
    """Ask Stripe. With Checkout the Subscription exists only after the payment succeeded."""
    session = gateway.fetch_checkout_session(session_id)
    made = _id(session.get("subscription")) if session else None
    return Finished(session_id, session, subscriptions.look(made) if made else None)


@contextmanager
def held(session_id: str, *, patience: float = 0.0) -> Generator[tuple[leases.Held, Finished]]:
    """(the lease, the Session as it is under it). Held is the Session's own Customer, as the webhook does; itself where it has none yet.

    Whose it is only Stripe says: Checkout makes a guest's Customer when she pays, and a reader may have come by a newer one
    meanwhile. So it is asked twice, and what may be written was seen the second time. Ends the session's transaction. Raises
    LeaseBusy (also if it got its Customer in between), GatewayUnavailable.
    """
    db.session.rollback()
    key = _customer(gateway.fetch_checkout_session(session_id)) or session_id
    with leases.held(key, patience=patience) as lease:
        seen = look(session_id)
        if _customer(seen.session) not in (None, key):
            raise leases.LeaseBusy(session_id)
        yield lease, seen


def _customer(session: dict[str, Any] | None) -> str | None:
    return _id(session.get("customer")) if session else None


def write(seen: Finished) -> None:
    """Close the intent and let Subscription and membership (or contribution) follow; the same however often."""
    if seen.session is None:
        return
    session = seen.session
    intent = intents.by_id(session.get("client_reference_id"))
    if intent is not None and not _as_asked(intent, session):
        # Genuine but not what we asked for: it is kept and shown, and nothing follows from our intent (safety W12).
        log.error("unexpected money", session=session["id"], intent=intent.id)
        alarms.unexpected_session(session, f"not what the wish {intent.id} asked for")
        intents.finish(intent.id, "failed")
    elif intent is not None:
        intents.finish(intent.id, _state(session))
    if intent is not None and intent.kind == "contribute":
        contributions.follow_session(session)
    if intent is not None and intent.kind == "gift":
        gifts.follow_session(session)
    if seen.subscription is not None:
        following.write(seen.subscription)


def sync(session_id: str, *, patience: float = 0.0) -> None:
    """Lease, look, write; the caller commits. Raises LeaseBusy, LeaseLost, GatewayUnavailable."""
    with held(session_id, patience=patience) as (lease, seen):
        lease.guard()
        write(seen)


def _state(session: dict[str, Any]) -> str:
    if session["status"] == "expired":
        return "expired"
    if session["status"] == "open":
        return "open"
    return "complete"


def _as_asked(intent: CheckoutIntent, session: dict[str, Any]) -> bool:
    """Is this the payment that the intent asked for: its own Session, kind, customer, currency, and no more than its amount?"""
    wanted = "subscription" if intent.kind == "subscribe" else session["mode"]
    customer = _id(session.get("customer"))
    hers = intent.account_id is None or customer is None or customers.account_of(customer) in (None, intent.account_id)
    same = session["currency"] in (None, intent.currency) and intent.session_id in (None, session["id"])
    total = session.get("amount_total")
    return session["mode"] == wanted and hers and same and (total is None or intent.kind != "subscribe" or total <= intent.amount)


def _id(value: Any) -> str | None:
    return value["id"] if isinstance(value, dict) else value


def twice(limit: int = 50) -> list[tuple[int, int]]:
    """Accounts that pay for more than one Subscription: (account id, how many). It should be empty; staff sees it."""
    rows = db.session.execute(
        select(Customer.account_id, func.count())
        .join(Subscription, Subscription.customer_id == Customer.id)
        .where(
            Subscription.purpose == "subscription",
            Subscription.status.in_(("active", "trialing", "past_due")),
            Customer.account_id.is_not(None),
        )
        .group_by(Customer.account_id)
        .having(func.count() > 1)
        .limit(limit)
    )
    return [(account_id, count) for account_id, count in rows if account_id is not None]


def standing_note(account_id: int) -> Membership | None:
    """The membership row as it is, for the thanks page."""
    row = db.session.get(Membership, account_id)
    return row if memberships.is_entitled(row, clock.now()) else None
