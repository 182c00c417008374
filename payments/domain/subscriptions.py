"""From Stripe's Subscription to our snapshot: pure, and of nothing but the object as it was fetched.

What is subtle here, once: periods are on the items; the period rolls on even when nobody paid for it; an end is
scheduled by ``cancel_at`` or by ``cancel_at_period_end``; a collection that is paused leaves the status at ``active``.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from membership.domain.standing import NEVER_BEGAN, Snapshot
from payments.domain.reading import END_CAUSES, FOLLOWS_A_GIFT, Coming, Seen, coming, committed, rate, read

__all__ = [
    "END_CAUSES",
    "FOLLOWS_A_GIFT",
    "Coming",
    "Known",
    "Seen",
    "changed_at",
    "coming",
    "committed",
    "end_cause",
    "paid_until",
    "rate",
    "read",
    "snapshot",
    "status",
]

# Stripe's word for why a Subscription ended, and ours for whose doing it was (reports.md §2).
_CAUSES = {"cancellation_requested": "reader", "payment_failed": "payment", "payment_disputed": "dispute"}
_UNPAID_INVOICE = ("void", "uncollectible")
_NOT_PAID = ("open", "draft", *_UNPAID_INVOICE)


@dataclass(frozen=True, slots=True)
class Known:
    """What our mirror said before this look: enough to tell that a change has no time of its own at Stripe."""

    price_id: str | None
    amount: int
    ends_at: datetime | None
    mrr_720: int | None = None
    fetched_at: datetime | None = None


def _period_unpaid(seen: Seen) -> bool:
    """Did nobody pay for the running period, though Stripe does not call it past due?

    Its invoice was given up (void, uncollectible). Or collection is paused, and it waits as a draft or was never made:
    the newest invoice that is paid is of an earlier period then.
    """
    if not seen.bills_period:
        return False
    if seen.pause is None or seen.period_start is None:
        return seen.invoice_status in _UNPAID_INVOICE
    return seen.invoice_status != "paid" or (seen.invoice_at is not None and seen.invoice_at < seen.period_start)


def paid_until(seen: Seen) -> datetime | None:
    """The end of the last period that somebody paid for (or that a trial gives).

    Stripe rolls the period on when the renewal's invoice is made, so for past_due and unpaid, and where the running
    period's invoice was voided or waits, what is paid ended where the running period began; or earlier, where the bill
    before that one is unpaid too. An unpaid bill for a change of plan takes away nothing of a period that was paid before.
    """
    if seen.unpaid_since is not None:
        return seen.unpaid_since
    gave_up = seen.ended_at is not None and seen.invoice_status in ("open", "draft")
    if seen.bills_period and (seen.status in ("past_due", "unpaid") or gave_up or _period_unpaid(seen)):
        return seen.period_start
    return seen.period_end


def status(seen: Seen) -> str:
    """Stripe's status; ``paused`` too where collection is paused and the running period was not paid.

    Before the first invoice was ever paid it is ``incomplete``, and ``incomplete_expired`` when it ends so: it never let
    anybody read. Stripe says so of cards alone; while a bank debit is on its way it says ``active``, and ``past_due`` when
    that bounced. Who is sent a bill with time to pay it reads meanwhile: somebody of the staff decided that.
    """
    if seen.invoice_reason == "subscription_create" and seen.invoice_status in _NOT_PAID:
        if seen.status == "canceled":
            return "incomplete_expired"
        if seen.status in ("active", "past_due", "unpaid") and seen.invoice_status == "open" and not seen.on_account:
            return "incomplete"
    if seen.unpaid_since is not None and seen.unpaid_since <= seen.started_at and not seen.on_account:
        # Stripe has begun another period, and the first was never paid.
        return "incomplete_expired" if seen.status == "canceled" else "incomplete"
    return "paused" if seen.status == "active" and _period_unpaid(seen) else seen.status


def changed_at(seen: Seen, known: Known | None, observed_at: datetime) -> datetime:
    """When the present facts came into force, by the object's own times wherever it has one.

    So it does not matter which event brought us here, or how late. Stripe keeps no time for a changed price or for a
    withdrawn cancellation: the bill of the change dates it, else the period that began since we last looked, else we do.
    """
    if seen.ended_at is not None:
        return seen.ended_at
    if seen.ends_at is not None and seen.canceled_at is not None:
        return seen.canceled_at
    word = status(seen)
    if word == "paused":
        return seen.paused_at or seen.period_start or seen.started_at
    if word == "past_due":
        return seen.unpaid_since or (seen.period_start if seen.bills_period else seen.invoice_at) or seen.started_at
    if word == "unpaid":
        return observed_at
    if known is not None and (silent := _silent_change(seen, known, observed_at)):
        return silent
    began = [seen.started_at]
    if seen.status == "active":
        began += [seen.trial_end] if seen.trial_end and seen.trial_end <= observed_at else []
        began += [seen.invoice_paid_at] if seen.invoice_paid_at else []
    return max(began)


def _silent_change(seen: Seen, known: Known, observed_at: datetime) -> datetime | None:
    """When a change of which Stripe keeps no time came into force; None when there was none."""
    if (known.price_id, known.amount) == (seen.price_id, seen.amount) and known.mrr_720 in (None, seen.mrr_720):
        return observed_at if known.ends_at is not None and seen.ends_at is None else None
    looked = known.fetched_at or observed_at
    billed = seen.invoice_at if seen.invoice_reason == "subscription_update" else None
    since = [at for at in (billed, seen.period_start) if at is not None and looked < at <= observed_at]
    return since[0] if since else observed_at


def end_cause(seen: Seen) -> str | None:
    """Whose doing the end was or will be: one of END_CAUSES; None while it goes on.

    What was written into the metadata wins. An ``unpaid`` one (Stripe was told to leave it so after its last try) is
    lost by payment, though it never ends.
    """
    if seen.status == "unpaid":
        return "payment"
    if seen.ended_at is None and seen.ends_at is None:
        return None
    return seen.told_cause or _CAUSES.get(seen.cancel_reason or "", "reader" if seen.ends_at is not None else "staff")


def _notice(seen: Seen) -> datetime | None:
    """When the reader said that she leaves. An end that is somebody else's doing is no notice of hers, though Stripe's words are the same."""
    if seen.told_cause not in (None, "reader"):
        return None
    return seen.canceled_at if seen.cancel_reason == "cancellation_requested" or seen.ends_at else None


def snapshot(seen: Seen, plan_key: str | None, known: Known | None, observed_at: datetime, *, mrr_720: int | None = None) -> Snapshot:
    """What membership needs to know. ``observed_at``: the instant just before the fetch. ``mrr_720``: of our items alone."""
    began = seen.trial_end if seen.follows_a_gift and seen.trial_end else seen.started_at
    found = Snapshot(
        kind="subscription",
        source_id=seen.id,
        status=status(seen),
        started_at=began,
        observed_at=observed_at,
        paid_until=paid_until(seen),
        ends_at=seen.ends_at,
        ended_at=seen.ended_at,
        changed_at=changed_at(seen, known, observed_at),
        notice_at=_notice(seen),
        plan_key=plan_key,
        price_interval=seen.interval,
        mrr_720=seen.mrr_720 if mrr_720 is None else mrr_720,
        currency=seen.currency,
        end_cause=end_cause(seen),
        trial_end=seen.trial_end,
    )
    if plan_key is not None:
        return found
    # A Price that is none of ours (another product on the same Stripe account) lets nobody read and is no revenue of readers.
    return replace(
        found,
        status="unpaid" if found.ended_at is None and found.status not in NEVER_BEGAN else found.status,
        paid_until=None,
        mrr_720=0,
        changed_at=found.ended_at or observed_at,
        end_cause=found.end_cause if found.ended_at else None,
    )
