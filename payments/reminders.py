"""Mails that look ahead: one walk a day over indexed columns, a batch at a time, each fact told once by its key.

Who was told is asked of the outbox, a batch in one look-up, so that the days of a window cost no rendering.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select

from kit import clock
from kit.database import db
from kit.mail import OutboxMail
from membership.models import Membership, MembershipSource
from payments import notices
from payments.domain import dunning, pauses
from payments.models import Customer, Subscription

BATCH = 200
RENEWAL_LEAD = timedelta(days=21)  # laws on automatic renewal ask for 15 days at least and 45 at most (decision 0017)
CARD_LEAD = timedelta(days=31)  # in the last month printed on it, whatever its length
CARD_LATE = timedelta(days=7)  # a card that expired while nobody looked is still told


@dataclass(frozen=True, slots=True)
class Kind:
    """What is looked for, by which key it is told, and how."""

    query: Callable[[datetime], ColumnElement[bool]]
    key: Callable[[Subscription], str]
    tell: Callable[[Subscription, datetime | None, datetime], bool]


def due() -> Generator[int]:
    """Queue what is due, a batch each step (its size); the caller commits after each."""
    for kind in KINDS:
        after = ""
        while rows := list(db.session.execute(_page(kind, after, clock.now()))):
            after = rows[-1][0].id
            _tell(kind, rows)
            yield len(rows)


def _page(kind: Kind, after: str, at: datetime) -> Any:
    """Subscriptions whose reader has an account, with the instant at which her gate closes and since when the state is so."""
    return (
        select(Subscription, Membership.access_until, MembershipSource.changed_at)
        .join(Customer, Customer.id == Subscription.customer_id)
        .join(Membership, Membership.account_id == Customer.account_id)
        .outerjoin(MembershipSource, and_(MembershipSource.kind == "subscription", MembershipSource.source_id == Subscription.id))
        .where(Subscription.purpose == "subscription", Subscription.id > after, kind.query(at))
        .order_by(Subscription.id)
        .limit(BATCH)
    )


def _tell(kind: Kind, rows: list[Any]) -> None:
    keys = {kind.key(row): (row, until, since) for row, until, since in rows}
    told = set(db.session.scalars(select(OutboxMail.key).where(OutboxMail.key.in_(keys))))
    for key, (row, until, since) in keys.items():
        if key not in told:
            kind.tell(row, until, since)


def _goes_on(*statuses: str) -> ColumnElement[bool]:
    return and_(Subscription.status.in_(statuses), Subscription.ends_at.is_(None))


def _renews(*statuses: str) -> ColumnElement[bool]:
    return and_(_goes_on(*statuses), Subscription.pause_behavior.is_(None))


def _seldom() -> ColumnElement[bool]:
    """What renews every six months or less often."""
    return or_(Subscription.interval == "year", and_(Subscription.interval == "month", Subscription.interval_count >= 6))


def _cards(at: datetime) -> ColumnElement[bool]:
    return and_(_renews("trialing", "active", "past_due"), Subscription.card_expires_at.between(at - CARD_LATE, at + CARD_LEAD))


def _trials(at: datetime) -> ColumnElement[bool]:
    return and_(_renews("trialing"), Subscription.trial_end > at, Subscription.trial_end <= at + notices.TRIAL_LEAD)


def _renewals(at: datetime) -> ColumnElement[bool]:
    # A pause that is over before that day hides no renewal; one that is not skips it.
    charged = or_(Subscription.pause_behavior.is_(None), Subscription.resumes_at < Subscription.period_end)
    return and_(_goes_on("active"), charged, _seldom(), Subscription.period_end > at, Subscription.period_end <= at + RENEWAL_LEAD)


def _pauses(at: datetime) -> ColumnElement[bool]:
    """Those of readers alone: their end begins a new period and charges it (pauses.finish)."""
    hers = and_(Subscription.pause_behavior.is_not(None), Subscription.pause_by == pauses.BY_READER)
    return and_(_goes_on("active"), hers, _seldom(), Subscription.resumes_at > at, Subscription.resumes_at <= at + RENEWAL_LEAD)


def _closing(at: datetime) -> ColumnElement[bool]:
    closes = Membership.access_until  # who is leaving anyway is not asked to pay first
    return and_(_goes_on("past_due"), Subscription.invoice_status == "open", closes > at, closes <= at + dunning.LAST_CALL)


def _last_call(row: Subscription, until: datetime | None, since: datetime) -> bool:
    if until is None or since is None or not dunning.wants_last_call(since, until, clock.now()):
        return False
    return notices.last_call(row, until)


KINDS = (
    Kind(_cards, notices.card_expiring_key, lambda row, _until, _since: notices.card_expiring(row)),
    Kind(_trials, notices.trial_ending_key, lambda row, _until, _since: notices.trial_ending(row)),
    Kind(_renewals, notices.renewal_key, lambda row, _until, _since: notices.renewal(row)),
    Kind(_pauses, notices.going_on_key, lambda row, _until, _since: notices.going_on(row)),
    Kind(_closing, notices.last_call_key, _last_call),
)
