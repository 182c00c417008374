"""When a renewal is not paid: the card on file, the mails about it, and a new card that is tried at once.

Trying the same card again is Stripe's work. A card that is new is ours to try: Stripe waits for its next attempt.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import select

from kit.database import db
from kit.jobs import enqueue
from membership.domain.standing import TERMINAL
from payments import gateway, monthly_letters, notices, plans
from payments.domain import cards
from payments.domain import dunning as rules
from payments.domain.upcoming import next_payment
from payments.models import Subscription

LIVE = ("trialing", "active", "past_due", "unpaid", "paused")


def follow(row: Subscription, found: dict[str, Any], *, first: bool) -> None:
    """Mirror card and newest invoice; a card that is new while money is overdue is tried at once. ``first``: never seen before."""
    if row.ended_at is not None or row.status in TERMINAL:
        _forget(row)
        return
    before = row.payment_method_id
    row.next_amount, row.discount_ends_at = next_bill(row, found)
    invoice = found.get("latest_invoice")
    if isinstance(invoice, dict):
        row.invoice_id, row.invoice_status = invoice["id"], invoice.get("status")
        row.invoice_amount, row.invoice_url = invoice.get("amount_remaining"), invoice.get("hosted_invoice_url")
    if row.invoice_status != "open" or row.action_invoice_id != row.invoice_id:
        row.action_invoice_id = None
    try:
        card = cards.on_file(found)
    except cards.NotShown:
        return  # what we know of it stays
    row.payment_method_id = card.method_id if card else ""  # known to be none
    row.card_brand, row.card_last4 = (card.brand, card.last4) if card else (None, None)
    row.card_expires_at = card.expires_at if card else None
    if not first and card is not None and card.method_id != before:
        retry(row, card.method_id)


def next_bill(row: Subscription, found: dict[str, Any]) -> tuple[int, datetime | None]:
    """(what the next payment takes, when a discount that lowers it ends), with the change of plan that waits for it."""
    coming = plans.next_of(row)
    return next_payment(found, coming.unit_amount * row.quantity if coming is not None else None)


def _forget(row: Subscription) -> None:
    """Nothing is charged any more: whichever card its Customer has later is nothing to it."""
    row.next_amount = row.discount_ends_at = row.action_invoice_id = None
    row.payment_method_id = row.card_brand = row.card_last4 = row.card_expires_at = None
    row.invoice_id = row.invoice_status = row.invoice_amount = row.invoice_url = None


def retry(row: Subscription, method_id: str) -> bool:
    """Queue one attempt to pay what is overdue with this card: once for each invoice and card. False when nothing is overdue.

    A monthly contribution that she let lie until Stripe asks no more (its bills are drafts) is not begun again by a card.
    """
    if not rules.is_overdue(row.status, row.invoice_status) or row.invoice_id is None:
        return False
    if row.invoice_status == "draft" and row.purpose != "subscription":
        return False
    key = f"{row.invoice_id}:{method_id}"
    enqueue("payments.retry_invoice", row.id, row.customer_id, row.invoice_id, method_id, key=key)
    return True


def retry_newest(subscription_id: str, method_id: str) -> bool:
    """The same of its newest invoice as it was mirrored last."""
    row = db.session.get(Subscription, subscription_id)
    return row is not None and retry(row, method_id)


def pay(invoice_id: str, status: str, params: dict[str, Any], idempotency_key: str) -> None:
    """Ask for what is overdue, now; a draft, as Stripe leaves those of an ``unpaid`` Subscription, becomes a bill first.

    Raises GatewayUnavailable, GatewayRefused (declined, or the bank wants the reader herself). No transaction may be open.
    """
    if status == "draft":
        gateway.finalize_invoice(invoice_id)
    gateway.pay_invoice(invoice_id, params, idempotency_key)


def new_default(customer_id: str, method_id: str | None) -> None:
    """Her default at Stripe is another card now: what is overdue is tried with it, the rest learns of the card."""
    for row in db.session.scalars(
        select(Subscription).where(Subscription.customer_id == customer_id, Subscription.status.in_(LIVE)).order_by(Subscription.id)
    ):
        if row.payment_method_id == (method_id or ""):
            continue
        if method_id is None or not retry(row, method_id):
            enqueue("payments.follow_subscription", row.id, row.customer_id)


def changed_card(customer_id: str) -> None:
    """What is printed on a card was changed (banks tell Stripe of a new expiry): look at what it pays for."""
    mine = select(Subscription.id).where(Subscription.customer_id == customer_id, Subscription.status.in_(LIVE))
    for subscription_id in db.session.scalars(mine):
        enqueue("payments.follow_subscription", subscription_id, customer_id)


def write_to_reader(row: Subscription, invoice: dict[str, Any], *, consent: bool) -> bool:
    """Queue the mail, once for each invoice and cause, if it still waits for her. False when there was nothing (more) to say."""
    if invoice.get("status") != "open":
        return False
    if consent:
        row.action_invoice_id = invoice["id"]
    elif row.action_invoice_id == invoice["id"]:
        row.action_invoice_id = None
    if row.purpose == "contribution":
        return row.status == "past_due" and monthly_letters.payment_missing(row, invoice, consent=consent)
    change = row.update_expires_at is not None and (row.status == "active" or invoice.get("billing_reason") == "subscription_update")
    if change:  # nothing was to renew: what she has goes on
        return notices.change_waits(row, invoice, consent=consent)
    if consent:
        return row.status in ("past_due", "unpaid", "incomplete") and notices.action_needed(row, invoice)
    return row.status == "past_due" and notices.payment_failed(row, invoice)
