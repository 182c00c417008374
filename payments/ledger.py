"""The ledger's verbs: book what Stripe says happened, once, whichever events tell it and in whatever order.

Every verb is handed objects as Stripe has them now (plain dicts) and may be called again with the same ones. The
payment is booked gross; its fee follows when it is known. Links and purpose may be learnt later; facts never change.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import structlog
from sqlalchemy import select, update

from kit import clock
from kit.database import db, insert_ignoring
from kit.settings import settings
from payments import alarms, contributions, customers, gifts, plans, receipts, sites
from payments.domain import ledger as facts
from payments.domain.bought import bought
from payments.domain.sites import said_by
from payments.models import ChargeDecision, CheckoutIntent, Contribution, Customer, LedgerEntry, Subscription

log = structlog.get_logger("payments.ledger")
Stripes = dict[str, Any]


@dataclass(frozen=True)
class Cause:
    """What a movement was for and whose it was, as far as we know."""

    purpose: str = "unknown"
    customer_id: str | None = None
    subscription_id: str | None = None
    invoice_id: str | None = None
    account_id: int | None = None
    contribution_id: int | None = None
    note: str = ""


def book_charge(
    charge: Stripes, *, invoice_payment: Stripes | None = None, invoice: Stripes | None = None, subscription: Stripes | None = None
) -> LedgerEntry | None:
    """Book a Charge's payment and, when its balance transaction is expanded and there, its fee; then its receipt.

    ``invoice_payment``, ``invoice`` and ``subscription`` are what it paid for, where there is such. None while no
    money moved. Money that differs from what we asked is booked as it came, noted, and counts for nothing.
    """
    fact = facts.payment_of(charge)
    if fact is None:
        return None
    paid = invoice or (invoice_payment or {}).get("invoice")
    said = said_by(charge, _parent_of(paid), subscription)
    cause = _cause_of(charge, fact, paid, subscription, said)
    decided = _decided(charge["id"], cause)
    cause = decided or cause
    entry = _book(fact, cause)
    if entry.note and entry.purpose == "unknown":
        alarms.unexpected_money(charge["id"], entry.note)
    fee = facts.fee_of(charge)
    if fee:
        # With its payment, so that one charge is never in two months: booked rows keep their date, and a fee may come later.
        _book(replace(fee, at=int(entry.occurred_at.timestamp())), cause)
    if cause.purpose != "unknown":
        _adopt(charge["id"], cause, noted=decided is not None)
        contributions.settle(cause.contribution_id)
        gifts.settle(charge["id"])
        # Who may be another site's reader is not written to at the address that she typed.
        address = email_of(charge) if sites.is_ours(said, cause.customer_id) else None
        receipts.issue_for(entry, email=address, bought=bought(paid if isinstance(paid, dict) else None, subscription))
    return entry


def book_refunds(charge: Stripes, refunds: Sequence[Stripes]) -> list[LedgerEntry]:
    """Book every Refund of a Charge, and the return of those that failed: a row each, by its own id."""
    return _book_back(charge["id"], [fact for refund in refunds for fact in facts.refund_of({**refund, "charge": charge["id"]})])


def book_dispute(dispute: Stripes) -> list[LedgerEntry]:
    """Book what a Dispute moved: withdrawn, reinstated, and the dispute's fee, by its balance transactions."""
    return _book_back(facts.id_of(dispute.get("charge")) or "", list(facts.dispute_of(dispute)))


def payment_of(charge_id: str) -> LedgerEntry | None:
    """The payment entry of a charge."""
    return _entry("payment", charge_id)


def place(charge_id: str, verdict: str, *, by: int, note: str, contribution_id: int | None = None, account_id: int | None = None) -> None:
    """Staff says whose money that we could not place is: a contribution's, an account's, or (elsewhere) none of ours.

    Its rows and its receipt follow at once; a row that Stripe tells of later follows too, by the decision kept here. With a
    Subscription's payment goes its Customer, so that the Subscription lets her in (a job looks at it) and the next payment is hers.
    """
    decision = ChargeDecision(charge_id=charge_id, verdict=verdict, contribution_id=contribution_id, account_id=account_id, note=note,
                              decided_by=by, decided_at=clock.now())  # fmt: skip
    db.session.add(decision)
    db.session.flush()
    payment = payment_of(charge_id)
    cause = _decided(charge_id, _booked(payment)) if payment is not None else None
    if payment is None or cause is None:
        return
    _adopt(charge_id, cause, noted=True)
    db.session.refresh(payment)
    contributions.settle(cause.contribution_id)
    receipts.issue_for(payment)


def email_of(charge: Stripes) -> str | None:
    """Where Stripe would write to about this charge. What the payer typed, proven by nobody."""
    return charge.get("receipt_email") or (charge.get("billing_details") or {}).get("email")


def _book_back(charge_id: str, found: list[facts.Fact]) -> list[LedgerEntry]:
    payment = payment_of(charge_id)
    # Unknown for now if the payment is not here yet: booking it adopts these rows.
    cause = _booked(payment) if payment else Cause()
    entries = [_book(fact, cause) for fact in found]
    contributions.settle(cause.contribution_id)
    gifts.settle(charge_id)
    came_back = {entry.source_id for entry in entries if entry.kind == "refund_failed"}
    for entry in entries:
        if payment and entry.kind == "refund" and entry.source_id not in came_back:
            receipts.told_back(payment, entry)
    return entries


def _booked(payment: LedgerEntry) -> Cause:
    """What a payment was booked for. (The note is its own.)"""
    return Cause(**{name: getattr(payment, name) for name in asdict(Cause()) if name != "note"})


def _book(fact: facts.Fact, cause: Cause) -> LedgerEntry:
    """The row of this fact, written now or earlier."""
    now = clock.now()
    values = {
        **asdict(cause),
        "stripe_account": _account(),
        "source_id": fact.source_id,
        "kind": fact.kind,
        "amount": fact.amount,
        "currency": fact.currency,
        "occurred_at": clock.from_timestamp(fact.at) or now,
        "recorded_at": now,
        "charge_id": fact.charge_id,
    }
    fresh = db.session.scalar(insert_ignoring(LedgerEntry).values(**values).returning(LedgerEntry.id)) is not None
    if fresh and cause.note:
        log.error("unexpected money", source=fact.source_id, note=cause.note)
    entry = _entry(fact.kind, fact.source_id)
    if entry is None:  # the insert above either wrote it or met it
        raise LookupError(f"{fact.kind} {fact.source_id} is not in the ledger")
    return entry


def _entry(kind: str, source_id: str) -> LedgerEntry | None:
    query = select(LedgerEntry).where(
        LedgerEntry.stripe_account == _account(), LedgerEntry.source_id == source_id, LedgerEntry.kind == kind
    )
    return db.session.scalars(query).one_or_none()


def _account() -> str:
    return settings()["STRIPE_ACCOUNT"] or ""


def _adopt(charge_id: str, cause: Cause, *, noted: bool = False) -> None:
    """Give purpose and links to this charge's rows that were booked before we knew them; ``noted``: unexpected ones too."""
    rows = update(LedgerEntry).where(LedgerEntry.stripe_account == _account(), LedgerEntry.charge_id == charge_id)
    known = {name: value for name, value in asdict(cause).items() if value is not None and name not in ("note", "account_id")}
    unplaced = rows.where(LedgerEntry.purpose == "unknown")
    db.session.execute((unplaced if noted else unplaced.where(LedgerEntry.note == "")).values(**known))
    if cause.account_id is not None:
        db.session.execute(rows.where(LedgerEntry.account_id.is_(None)).values(account_id=cause.account_id))


# --- what it was for --------------------------------------------------------------------------------------------------


def _decided(charge_id: str, found: Cause) -> Cause | None:
    """What staff said of this charge, if it said whose it is."""
    said = select(ChargeDecision).where(
        ChargeDecision.charge_id == charge_id, ChargeDecision.verdict.in_(("contribution", "account", "elsewhere"))
    )
    decision = db.session.scalars(said.order_by(ChargeDecision.id.desc()).limit(1)).first()
    if decision is None or decision.verdict == "elsewhere":
        return None
    if found.purpose == "subscription" and found.subscription_id and decision.contribution_id is None:
        return _linked(found, decision.account_id)
    # What a reader gave that nobody asked for is a contribution of hers. The note stays, as it does in a row booked before.
    placed = replace(found, purpose="contribution", contribution_id=decision.contribution_id, account_id=decision.account_id)
    contribution = db.session.get(Contribution, decision.contribution_id) if decision.contribution_id else None
    return replace(placed, account_id=contribution.account_id) if contribution else placed


def _linked(found: Cause, account_id: int | None) -> Cause | None:
    """The Subscription that was paid for is this account's: so is its Customer, unless that is somebody's by now."""
    if found.account_id is not None or account_id is None or found.customer_id is None:
        return None
    customers.give([found.customer_id], account_id)
    return replace(found, account_id=customers.account_of(found.customer_id) or account_id)


def _parent_of(invoice: Any) -> Stripes:
    """What an invoice, where it is expanded, says of the Subscription that it bills."""
    return ((invoice if isinstance(invoice, dict) else {}).get("parent") or {}).get("subscription_details") or {}


def _cause_of(charge: Stripes, fact: facts.Fact, invoice: Any, subscription: Stripes | None, said: Stripes) -> Cause:
    paid, parent = invoice if isinstance(invoice, dict) else {}, _parent_of(invoice)
    subscription_id = (subscription or {}).get("id") or facts.id_of(parent.get("subscription"))
    customer_id = facts.id_of(charge.get("customer"))
    found = Cause(customer_id=customer_id, subscription_id=subscription_id, invoice_id=facts.id_of(invoice))
    metadata = {**(charge.get("metadata") or {}), **(parent.get("metadata") or {}), **((subscription or {}).get("metadata") or {})}
    contribution = contributions.named_by(metadata, subscription_id)
    if contribution is not None:
        return _contributed(contribution, charge, facts.given(fact, paid), found)
    if sites.is_anothers(said, customer_id):
        return found
    if metadata.get("purpose") == "gift":
        # Cash of subscriptions: somebody reads for it. Its fee and what goes back of it follow by the charge.
        gift, note = gifts.paid_by(charge, metadata.get("gift"))
        return replace(found, note=note) if gift is None else replace(found, purpose="subscription", account_id=gift.account_id)
    if metadata.get("purpose") == "contribution":
        return replace(found, note=f"unexpected: names contribution {str(metadata.get('contribution'))[:40]!r}")
    if subscription_id and _is_ours(subscription_id, metadata, subscription, paid):
        return replace(found, purpose="subscription", account_id=_account_of(customer_id) or _wished_by(metadata))
    return found


def _contributed(contribution: Contribution, charge: Stripes, given: tuple[int, str], found: Cause) -> Cause:
    asked = (contribution.amount + contribution.fee_cover, contribution.currency)
    note = facts.difference(given, asked)
    payer, intent = _account_of(found.customer_id), db.session.get(CheckoutIntent, contribution.intent_id)
    if intent is not None and intent.account_id is not None and payer not in (None, intent.account_id, contribution.account_id):
        note = note or "unexpected: paid by another reader's Customer"
    if contribution.frequency == "once" and contribution.payment_intent_id not in (None, facts.id_of(charge.get("payment_intent"))):
        note = note or "unexpected: this contribution was paid by another payment"
    if contribution.frequency == "month" and contribution.subscription_id not in (None, found.subscription_id):
        note = note or "unexpected: this contribution is paid by another subscription"
    if note:
        return replace(found, note=f"{note}, contribution {contribution.public_id}")
    return replace(found, purpose="contribution", account_id=contribution.account_id, contribution_id=contribution.id)


def _is_ours(subscription_id: str, metadata: Stripes, subscription: Stripes | None, invoice: Stripes) -> bool:
    """Other sites may share the account at Stripe. Of those that name none, ours come from our Checkout, are a reader's, or are
    of our Prices.

    That it is mirrored says nothing: so is every Subscription of which an event tells.
    """
    mirrored = db.session.get(Subscription, subscription_id)
    if metadata.get("purpose") == "subscription":
        return True
    if mirrored is not None and (mirrored.plan_key is not None or _account_of(mirrored.customer_id) is not None):
        return True
    items = ((subscription or {}).get("items") or {}).get("data") or []
    lines = (invoice.get("lines") or {}).get("data") or []
    details = [(line.get("pricing") or {}).get("price_details") or {} for line in lines]
    prices = [item["price"] for item in items] + [
        {"id": one["price"], "product": one.get("product")} for one in details if one.get("price")
    ]
    return plans.plan_of(tuple(prices)) is not None


def _wished_by(metadata: Stripes) -> int | None:
    """Who asked for this Subscription at our Checkout: known before it is known whose the Customer is."""
    intent = db.session.get(CheckoutIntent, str(metadata.get("intent"))) if metadata.get("intent") else None
    return intent.account_id if intent is not None and intent.kind == "subscribe" else None


def _account_of(customer_id: str | None) -> int | None:
    customer = db.session.get(Customer, customer_id) if customer_id else None
    return customer.account_id if customer else None
