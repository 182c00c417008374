"""How long Stripe has been silent, and whether that is a reason to look (W20, C20).

Two signs. The site's own rhythm makes so long a silence unlikely (domain/rhythm.py); or reconciliation found events
that Stripe has told nobody: then the door is shut to it, by an address, a secret, a proxy or this machine's clock.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select

from kit import clock
from kit.database import db
from payments.domain import rhythm as rules
from payments.models import StripeEvent

UNTOLD = 3  # events that only reconciliation found since Stripe last told us anything
LATE = timedelta(minutes=5)  # younger ones may be on their way
# What we do not handle the endpoint was never to be told: Stripe's list has it all the same, seven for each subscription.
EXPECTED = StripeEvent.state != "ignored"


@dataclass(frozen=True, slots=True)
class Silence:
    """Since when Stripe told us nothing (None: never), whether that is alarming, and how many events only reconciliation found."""

    since: datetime | None
    alarming: bool
    untold: int


def silence() -> Silence:
    """What there is to say now. Reads the history only when it has been quiet for an hour."""
    now = clock.now()
    told = (
        (StripeEvent.source == "webhook") & StripeEvent.type.not_like("v1.%") & StripeEvent.type.not_like("v2.%")
    )  # thin ones tell nothing
    last = db.session.scalar(select(StripeEvent.received_at).where(told).order_by(StripeEvent.received_at.desc()).limit(1))
    untold = _untold(last, now)
    if untold >= UNTOLD:
        return Silence(last, True, untold)
    if last is None or now - last < rules.FLOOR:
        return Silence(last, False, untold)
    here = (told, StripeEvent.received_at > last - rules.LEARNT)
    times = db.session.scalars(select(StripeEvent.received_at).where(*here).order_by(StripeEvent.received_at))
    return Silence(last, rules.too_quiet(rules.learn(times), last, now), untold)


def _untold(last: datetime | None, now: datetime) -> int:
    since = max(last, now - rules.CEILING) if last else now - rules.CEILING
    found = (StripeEvent.source == "reconcile", EXPECTED, StripeEvent.received_at > since)
    found = (*found, StripeEvent.created < int((now - LATE).timestamp()))
    return db.session.scalar(select(func.count()).where(*found)) or 0
