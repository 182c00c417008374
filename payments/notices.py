"""Mails about a Subscription: which fact is told, to whom, and once.

Each mail is keyed by the fact that it tells, so that repetition, restart and catch-up never tell it twice; and a fact
that is days old when we learn it (a restored backup, a rebuilt database) is not told at all.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from kit import clock
from kit.database import db
from kit.formats import money
from kit.mail import queue_mail, render_mail
from kit.urls import public_url
from membership import memberships
from membership.domain.standing import NEVER_BEGAN, TERMINAL
from membership.models import Account, Membership, MembershipSource
from payments import ending_letters, endings, letters, monthly_letters, pause_letters, plans
from payments.domain import dunning
from payments.letters import Letter
from payments.models import Customer, Subscription

OLD_NEWS = timedelta(days=3)  # Stripe itself tries for three days to tell us something
TRIAL_LEAD = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Known:
    """What we knew before a look, of what a mail may tell."""

    status: str
    ends_at: datetime | None
    paused: bool


def known(subscription_id: str) -> Known | None:
    """Before the look is written; None for a Subscription that we have not seen."""
    row = db.session.get(Subscription, subscription_id)
    return Known(row.status, row.ends_at, is_paused(row)) if row is not None else None


def tell(before: Known | None, row: Subscription | None) -> None:
    """After a look was written: tell the reader what is new in it, whoever did it and wherever."""
    if row is None:
        return
    over = before is not None and row.ended_at is not None and before.status not in (*TERMINAL, "incomplete")
    if row.purpose != "subscription":
        if over:
            monthly_letters.ended(row)
        return
    if row.status == "trialing" and row.trial_end is not None and row.ends_at is None and row.trial_end - clock.now() <= TRIAL_LEAD:
        trial_ending(row)
    if before is None:
        return
    if row.ended_at is not None:
        if over:
            ended(row)
    elif row.ends_at not in (None, before.ends_at):
        ending(row)
    elif is_paused(row) != before.paused:
        paused(row) if is_paused(row) else resumed(row)


def is_paused(row: Subscription) -> bool:
    """Either of Stripe's two ways."""
    return row.status == "paused" or row.pause_behavior is not None


# --- one function a fact ------------------------------------------------------------------------------------------------


def action_needed(row: Subscription, invoice: dict[str, Any]) -> bool:
    amount = money(invoice["amount_due"], invoice["currency"])
    letter = letters.action_needed(amount, _reads_until(row), first=row.status == "incomplete")
    return _send(row, letter, invoice.get("hosted_invoice_url"), f"action-needed:{invoice['id']}")


def payment_failed(row: Subscription, invoice: dict[str, Any]) -> bool:
    first = invoice.get("billing_reason") == "subscription_create"
    letter = letters.payment_failed(money(invoice["amount_due"], invoice["currency"]), _reads_until(row), first=first)
    return _send(row, letter, invoice.get("hosted_invoice_url"), f"payment-failed:{invoice['id']}")


def change_waits(row: Subscription, invoice: dict[str, Any], *, consent: bool) -> bool:
    """Another plan, or more seats, for which the payment is missing: Stripe forgets it after a day."""
    assert row.update_expires_at is not None
    letter = letters.change_waits(money(invoice["amount_due"], invoice["currency"]), row.update_expires_at, consent=consent)
    return _send(row, letter, invoice.get("hosted_invoice_url"), f"change-waits:{invoice['id']}")


def last_call(row: Subscription, closes_at: datetime) -> bool:
    letter = letters.last_call(money(row.invoice_amount or row.amount, row.currency), closes_at)
    return _send(row, letter, row.invoice_url, last_call_key(row))


def last_call_key(row: Subscription) -> str:
    return f"last-call:{row.invoice_id}"


def card_expiring(row: Subscription) -> bool:
    assert row.card_expires_at is not None
    # The month printed on the card is the bank's: its last day by UTC, shown as a date, not as an instant.
    return _send(row, letters.card_expiring(row, _last_day(row.card_expires_at)), None, card_expiring_key(row))


def card_expiring_key(row: Subscription) -> str:
    return f"card-expiring:{row.payment_method_id}:{row.card_expires_at:%Y%m}:{row.customer_id}"


def trial_ending(row: Subscription) -> bool:
    assert row.trial_end is not None
    letter = letters.trial_ending(row, letters.price(row), row.trial_end, gift=_follows_a_gift(row))
    return _send(row, letter, None, trial_ending_key(row))


def trial_ending_key(row: Subscription) -> str:
    return f"trial-ending:{row.id}:{row.trial_end:%Y%m%d%H}"


def renewal(row: Subscription) -> bool:
    """What the renewal takes; by the plan that waits for it, if one does."""
    assert row.period_end is not None
    return _send(row, letters.renewal(row, letters.price(row), row.period_end, plans.next_of(row)), None, renewal_key(row))


def renewal_key(row: Subscription) -> str:
    return f"renewal:{row.id}:{row.period_end:%Y%m%d}"


def going_on(row: Subscription) -> bool:
    """A pause of hers will be over, and then a whole period is charged."""
    assert row.resumes_at is not None
    return _send(row, pause_letters.going_on(row, letters.price(row), row.resumes_at), None, going_on_key(row))


def going_on_key(row: Subscription) -> str:
    return f"going-on:{row.id}:{row.resumes_at:%Y%m%d}"


def ending(row: Subscription) -> bool:
    """An end was scheduled, by our page or elsewhere: until when she reads, if she does. Once for each asking."""
    if row.ends_at is None or _old(row.canceled_at) or _cause(row) in endings.SILENT_CAUSES:
        return False
    asked, reads = row.canceled_at or row.ends_at, _reads_until(row)
    until, key = min(reads, row.ends_at) if reads else None, f"ending:{row.id}:{asked:%Y%m%d%H%M%S}"
    if dunning.is_overdue(row.status, row.invoice_status):
        letter = ending_letters.ending_unpaid(row.ends_at, until, money(row.invoice_amount or row.amount, row.currency))
    elif endings.is_ours(row):
        return _send(row, ending_letters.ending_by_us(row.ends_at, until), None, key)
    else:
        letter = ending_letters.ending(row.ends_at, until)
    return _send(row, letter, public_url("billing.cancel"), key)


def ended(row: Subscription) -> bool:
    """It is over. Not told to whom it changes nothing: she reads by something else, or nothing had begun."""
    cause, came_to = _cause(row), _source_says(row)
    if _old(row.ended_at) or cause in endings.SILENT_CAUSES or _still_reads(row) or came_to in NEVER_BEGAN:
        return False
    return _send(row, ending_letters.ended(cause), public_url("checkout.subscribe"), f"ended:{row.id}", row.ended_at)


def paused(row: Subscription) -> bool:
    return _send(row, pause_letters.paused(row.resumes_at), None, f"paused:{row.id}:{row.fetched_at:%Y%m%d}")


def resumed(row: Subscription) -> bool:
    if row.status != "active":
        return False
    return _send(row, pause_letters.resumed(row, letters.price(row)), None, f"resumed:{row.id}:{row.fetched_at:%Y%m%d}")


# --- to whom ------------------------------------------------------------------------------------------------------------


def _send(row: Subscription, letter: Letter, address: str | None, key: str, at: datetime | None = None) -> bool:
    """To the account's own address; never to what Stripe has. Nothing to a closed account."""
    account = _account(row)
    if account is None or not account.active or account.closed_at is not None:
        return False
    subject, text, html = render_mail("letter", letter=letter, address=address or public_url("account.show"))
    return queue_mail(account.email, subject, text, html, key=key, at=at)


def _account(row: Subscription) -> Account | None:
    return db.session.scalars(
        select(Account).join(Customer, Customer.account_id == Account.id).where(Customer.id == row.customer_id)
    ).one_or_none()


def _membership(row: Subscription) -> Membership | None:
    mine = select(Membership).join(Customer, Customer.account_id == Membership.account_id).where(Customer.id == row.customer_id)
    return db.session.scalars(mine).one_or_none()


def _reads_until(row: Subscription) -> datetime | None:
    found = _membership(row)
    until = found.access_until if found is not None else None
    return until if until is not None and until > clock.now() else None


def _still_reads(row: Subscription) -> bool:
    return memberships.is_entitled(_membership(row), clock.now())


def _source_says(row: Subscription) -> str | None:
    """Our own word for where it stands: Stripe calls a Subscription whose first debit bounced canceled in the end."""
    mine = (MembershipSource.kind == "subscription", MembershipSource.source_id == row.id)
    return db.session.scalar(select(MembershipSource.status).where(*mine))


def _follows_a_gift(row: Subscription) -> bool:
    """As Snapshot.follows_a_gift says: membership counts it from the end of those days on."""
    mine = (MembershipSource.kind == "subscription", MembershipSource.source_id == row.id)
    return db.session.scalar(select(MembershipSource.started_at).where(*mine)) == row.trial_end


def _cause(row: Subscription) -> str | None:
    mine = (MembershipSource.kind == "subscription", MembershipSource.source_id == row.id)
    return db.session.scalar(select(MembershipSource.end_cause).where(*mine))


def _old(at: datetime | None) -> bool:
    return at is not None and clock.now() - at > OLD_NEWS


def _last_day(expires_at: datetime) -> Any:
    return (expires_at - timedelta(days=1)).date()
