"""What money that goes back does to a membership. Pure: of the payments of one Subscription and their disputes alone.

While the payment of the running period is disputed, access is withheld; an inquiry withholds nothing. A dispute that is
won gives it back, one that is lost ends the Subscription, whichever period it was about; so does a payment that was
given back as fraud. Where all of the running period's money was given back, access ends then; a part changes nothing.
See docs/decisions/0019.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from membership.domain.standing import OPENING, Snapshot
from payments.domain.disputes import DISPUTED

# Checkout's first payment is a moment older than the Subscription that it makes.
SLACK = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Paid:
    """A payment: minor units, when it was made, what was refunded of it (failed refunds off) and when last; when money
    last came back to us (a refund failed, a dispute was won); its disputes as (Stripe's status, when it was opened)."""

    amount: int
    at: datetime
    refunded: int = 0
    refunded_at: datetime | None = None
    restored_at: datetime | None = None
    disputes: tuple[tuple[str, datetime], ...] = ()
    fraud: bool = False  # given back because it was not the card's owner who paid


@dataclass(frozen=True, slots=True)
class Verdict:
    """``status`` to show instead of Stripe's (None: Stripe's stands), since when, why, and whether it must end at Stripe."""

    status: str | None = None
    since: datetime | None = None
    cause: str | None = None
    ends: bool = False


def verdict(payments: Sequence[Paid], period_start: datetime | None) -> Verdict:
    """What follows for the Subscription whose running period began at ``period_start``."""
    lost = [opened for paid in payments for status, opened in paid.disputes if status == "lost"]
    if lost:
        return Verdict("paused", min(lost), "dispute", ends=True)
    stolen = [paid.refunded_at or paid.at for paid in payments if paid.fraud and paid.refunded >= paid.amount]
    if stolen:
        return Verdict("unpaid", min(stolen), "fraud", ends=True)
    running = [paid for paid in payments if period_start is None or paid.at >= period_start - SLACK]
    opened = [at for paid in running for status, at in paid.disputes if status in DISPUTED]
    if opened:
        return Verdict("paused", min(opened), "dispute")
    if running and all(paid.refunded >= paid.amount for paid in running):
        return Verdict("unpaid", max((paid.refunded_at for paid in running if paid.refunded_at), default=None), "staff")
    return Verdict(since=max((paid.restored_at for paid in running if paid.restored_at), default=None))


def applied(snapshot: Snapshot, found: Verdict) -> Snapshot:
    """The snapshot as the verdict leaves it. One that opens nothing anyway, or has ended, stays as Stripe says."""
    if snapshot.status not in OPENING or snapshot.ended_at is not None:
        return snapshot
    since = max(filter(None, (found.since, snapshot.started_at)), default=None)
    if found.status is None:
        later = found.since is not None and found.since > (snapshot.changed_at or snapshot.started_at)
        return replace(snapshot, changed_at=since) if later else snapshot
    return replace(snapshot, status=found.status, changed_at=since, end_cause=found.cause)
