"""What comes before the first payment: a trial, once a person, or the unused days of a gift."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import exists, or_, select

from kit import clock
from kit.database import db
from membership import memberships
from membership.domain import standing
from membership.domain.standing import NEVER_BEGAN
from membership.models import Account, MembershipSource
from payments.models import Customer, Plan, Subscription

SOONEST = timedelta(hours=48, minutes=10)  # Stripe takes no nearer end of a trial than 48 hours; ten minutes to type a card


@dataclass(frozen=True, slots=True)
class Free:
    """Free time before the first payment: so many ``days`` of trial, or ``until`` a gift's days are over; neither: none."""

    days: int | None = None
    until: datetime | None = None


def terms_for(account_id: int, plan: Plan) -> Free:
    """What this reader gets before she first pays for this plan, as of now."""
    until = given_until(account_id)
    if until is not None:
        return Free(until=until)
    return Free(days=plan.trial_days) if plan.trial_days and may_try(account_id) else Free()


def given_until(account_id: int) -> datetime | None:
    """Until when gifts let her read, if that is far enough off to be carried over: she pays from then on. Whole seconds."""
    now = clock.now()
    until = standing.given_until(memberships.standing_of(account_id), now)
    return until.replace(microsecond=0) if until is not None and until - now > SOONEST else None


def may_try(account_id: int) -> bool:
    """Has this person never had a trial or a paid Subscription, by this account or by another with the same address?"""
    account = db.session.get_one(Account, account_id)
    began = exists().where(
        Subscription.customer_id == Customer.id,
        Subscription.purpose == "subscription",
        Subscription.plan_key.is_not(None),
        Subscription.status.not_in(NEVER_BEGAN),
    )
    hers = select(Customer.id).where(or_(Customer.account_id == account_id, Customer.email_key == account.email_key), began)
    followed = select(MembershipSource.id).where(MembershipSource.account_id == account_id, MembershipSource.kind == "subscription")
    began_already = followed.where(MembershipSource.status.not_in(NEVER_BEGAN))
    return db.session.scalar(hers.limit(1)) is None and db.session.scalar(began_already.limit(1)) is None
