"""When a renewal is not paid: what is overdue, who must act, and when there is still time to write once more."""

from datetime import datetime, timedelta
from typing import Any

OVERDUE = ("past_due", "unpaid")
LAST_CALL = timedelta(days=2)  # so long before the gate closes the last reminder goes out
_ROOM = timedelta(days=3)  # between the first mail and the last one there is at least a day
# What Stripe's PaymentIntent says when a bank wants to see the reader herself.
_CONSENT = ("authentication_required", "payment_intent_authentication_failure")


def is_overdue(status: str, invoice_status: str | None) -> bool:
    """Does a Subscription wait for money that a working card would bring? Once it is ``unpaid`` Stripe makes its bills and
    leaves them drafts: whoever wants it to go on asks for the newest one."""
    return (status in OVERDUE and invoice_status == "open") or (status == "unpaid" and invoice_status == "draft")


def waits_for_consent(payment_intent: dict[str, Any] | None) -> bool:
    """Is it the reader's word to her bank (SCA) that is missing, not another card?"""
    if payment_intent is None:
        return False
    error = payment_intent.get("last_payment_error") or {}
    return payment_intent.get("status") == "requires_action" or error.get("code") in _CONSENT


def wants_last_call(failed_at: datetime, closes_at: datetime, at: datetime) -> bool:
    """Is now the time for the last reminder: shortly before the gate closes, and not on the heels of the first mail?"""
    return at < closes_at <= at + LAST_CALL and closes_at - failed_at >= _ROOM
