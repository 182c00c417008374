"""Receipts: a number for each payment, given once and without gaps, told in one mail."""

import secrets

from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import and_, func, select
from sqlalchemy.orm import aliased

from kit import clock, formats
from kit.database import db
from kit.mail import queue_mail, render_mail
from kit.settings import settings
from kit.urls import public_url
from membership.domain import emails
from membership.models import Account
from payments import gifts, monthly_links, plans
from payments.domain.bought import Bought
from payments.models import Contribution, LedgerEntry, Receipt, Subscription

BACK = ("refund", "refund_failed", "dispute", "dispute_reversal")
# Any number does, so long as every instance locks the same one.
_NUMBERING = 0x7265636569707473


def issue_for(entry: LedgerEntry, *, email: str | None = None, bought: Bought | None = None) -> Receipt | None:
    """The receipt of a payment, with its mail queued when it is new.

    None for what has no receipt (money that we cannot place; refunds) and while we know no address: the contribution's,
    the account's, else ``email``, which Stripe had from the payer. ``bought``: what the invoice was for, where there was
    one; the mirror may still have the plan before the change that this payment is for.
    """
    if entry.kind != "payment" or entry.purpose == "unknown":
        return None
    found = _of(entry)
    if found is not None:
        if found.account_id is None:
            found.account_id = entry.account_id  # whose payment it was is sometimes learnt later than the payment
        return found
    contribution = db.session.get(Contribution, entry.contribution_id) if entry.contribution_id else None
    address = _address(entry, contribution, email)
    if address is None:
        return None
    _lock_numbers()
    found = _of(entry)
    if found is not None:
        return found
    now = clock.now()
    receipt = Receipt(
        public_id=secrets.token_hex(16),
        number=_next_number(formats.local(now).year),
        ledger_entry_id=entry.id,
        account_id=entry.account_id,
        email=address[0],
        email_key=address[1],
        amount=entry.amount,
        fee_cover=_cover(entry, contribution),
        currency=entry.currency,
        what=_what(entry, contribution, bought),
        issued_at=now,
    )
    db.session.add(receipt)
    db.session.flush()
    _mail(receipt, entry, contribution)
    return receipt


def by_public_id(public_id: str) -> Receipt | None:
    """The receipt at this unguessable address."""
    return db.session.scalars(select(Receipt).where(Receipt.public_id == public_id)).one_or_none()


def of_account(account_id: int, most: int = 100) -> list[Receipt]:
    """A reader's receipts, newest first."""
    return list(db.session.scalars(select(Receipt).where(Receipt.account_id == account_id).order_by(Receipt.id.desc()).limit(most)))


def returned(receipt: Receipt) -> int:
    """What of this payment went back to the payer (refunds and disputes), minor units."""
    payment = db.session.get(LedgerEntry, receipt.ledger_entry_id)
    if payment is None or payment.charge_id is None:
        return 0
    back = select(func.coalesce(func.sum(LedgerEntry.amount), 0)).where(
        LedgerEntry.charge_id == payment.charge_id,
        LedgerEntry.stripe_account == payment.stripe_account,
        LedgerEntry.kind.in_(BACK),
    )
    return -int(db.session.scalar(back) or 0)


def returned_of(account_id: int) -> dict[int, int]:
    """What went back of each of a reader's payments of which something did: by the payment's row, minor units."""
    back = aliased(LedgerEntry)
    went = func.coalesce(func.sum(back.amount), 0)
    query = (
        select(LedgerEntry.id, went)
        .join(back, and_(back.charge_id == LedgerEntry.charge_id, back.stripe_account == LedgerEntry.stripe_account))
        .where(LedgerEntry.account_id == account_id, LedgerEntry.kind == "payment", back.kind.in_(BACK))
        .group_by(LedgerEntry.id)
        .having(went != 0)
    )
    return {entry_id: -int(amount) for entry_id, amount in db.session.execute(query)}


def _of(entry: LedgerEntry) -> Receipt | None:
    return db.session.scalars(select(Receipt).where(Receipt.ledger_entry_id == entry.id)).one_or_none()


def _address(entry: LedgerEntry, contribution: Contribution | None, email: str | None) -> tuple[str, str] | None:
    """(address, key). An address that mail cannot be sent to is none."""
    if contribution is not None and contribution.email and contribution.email_key:
        return contribution.email, contribution.email_key
    gift = gifts.of_charge(entry.charge_id)
    if gift is not None:
        return gift.email, gift.email_key
    account = db.session.get(Account, entry.account_id) if entry.account_id else None
    if account is not None:
        return account.email, account.email_key
    try:
        return emails.parse(email or "")
    except emails.NotAnAddress:
        return None


def _cover(entry: LedgerEntry, contribution: Contribution | None) -> int:
    """What of this payment was for the fee: nothing of one that staff placed, whose sum is another."""
    asked = contribution is not None and (contribution.amount + contribution.fee_cover, contribution.currency) == (
        entry.amount,
        entry.currency,
    )
    return contribution.fee_cover if contribution is not None and asked else 0


def _lock_numbers() -> None:
    """One at a time: a number is taken only when the one before it is committed or given back. SQLite has one writer."""
    if db.engine.dialect.name == "postgresql":
        db.session.execute(select(func.pg_advisory_xact_lock(_NUMBERING)))


def _next_number(year: int) -> str:
    last = db.session.scalar(select(Receipt.number).where(Receipt.number.like(f"{year}-%")).order_by(Receipt.id.desc()).limit(1))
    return f"{year}-{int(last.partition('-')[2]) + 1 if last else 1:06d}"


def _what(entry: LedgerEntry, contribution: Contribution | None, bought: Bought | None) -> str:
    """In the publication's words, kept as it was said."""
    site = settings()["SITE_NAME"]
    if contribution is not None:
        return (
            _("Monthly contribution to %(site)s", site=site)
            if contribution.frequency == "month"
            else _("Contribution to %(site)s", site=site)
        )
    gift = gifts.of_charge(entry.charge_id)
    if gift is not None:
        return gifts.title(gift)
    mirror = db.session.get(Subscription, entry.subscription_id) if entry.subscription_id else None
    plan = plans.of_key(plans.plan_of((bought.price,))) if bought else None
    plan = plan or plans.of_key(mirror.plan_key if mirror else None)
    if plan is None:
        return _("Subscription to %(site)s", site=site)
    words = _("Subscription to %(site)s: %(plan)s", site=site, plan=plan.name)
    if bought is None or bought.quantity < 2:
        return words
    return f"{words}, {_seats(bought)}"


def _seats(bought: Bought) -> str:
    if bought.rest:  # only the difference was paid
        return ngettext("now %(num)s seat", "now %(num)s seats", bought.quantity)
    return ngettext("%(num)s seat", "%(num)s seats", bought.quantity)


def told_back(payment: LedgerEntry, refund: LedgerEntry) -> None:
    """Tell who paid that money is on its way back, once for each Refund; nobody is told who never had a receipt."""
    receipt = _of(payment)
    if receipt is None:
        return
    subject, text, html = render_mail("contribution_refunded", receipt=receipt, back=-refund.amount, address=_address_of(receipt))
    queue_mail(receipt.email, subject, text, html, key=f"refund:{refund.source_id}", at=refund.occurred_at)


def _mail(receipt: Receipt, entry: LedgerEntry, contribution: Contribution | None) -> None:
    ending = (
        public_url("monthly.show", token=monthly_links.token_for(contribution))
        if contribution and contribution.frequency == "month"
        else ""
    )
    address = _address_of(receipt)
    subject, text, html = render_mail("receipt", receipt=receipt, paid_at=entry.occurred_at, address=address, ending=ending)
    queue_mail(receipt.email, subject, text, html, key=f"receipt:{entry.source_id}", at=entry.occurred_at)


def _address_of(receipt: Receipt) -> str:
    return public_url("receipts.show", public_id=receipt.public_id)
