"""When a renewal is not paid: one mail to the reader with Stripe's page for it. Trying again is Stripe's work."""

from typing import Any

from kit.database import db
from kit.mail import queue_mail, render_mail
from kit.urls import public_url
from membership import memberships
from membership.models import Account
from payments import customers
from payments.models import Subscription


def write_to_reader(row: Subscription, invoice: dict[str, Any]) -> bool:
    """Queue the mail, once for each invoice, if it still waits for money. False when there was nothing (more) to say."""
    account_id = customers.account_of(row.customer_id)
    if invoice.get("status") != "open" or row.status != "past_due" or account_id is None or row.purpose != "subscription":
        return False
    account = db.session.get_one(Account, account_id)
    paid_until = row.period_start  # the running period is the one that nobody paid
    subject, text, html = render_mail(
        "payment_failed",
        amount=invoice["amount_due"],
        currency=invoice["currency"],
        # Stripe's own page for this invoice asks for another card, or for the bank's consent.
        address=invoice.get("hosted_invoice_url") or public_url("account.show"),
        reads_until=paid_until + memberships.grace() if paid_until else None,
    )
    return queue_mail(account.email, subject, text, html, key=f"payment-failed:{invoice['id']}")
