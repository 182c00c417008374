"""When a renewal is not paid: one mail to the reader with Stripe's page for it. Trying again is Stripe's work."""

from typing import Any

from kit import clock
from kit.database import db
from kit.mail import queue_mail, render_mail
from kit.urls import public_url
from membership.models import Account, Membership
from payments import customers
from payments.models import Subscription


def write_to_reader(row: Subscription, invoice: dict[str, Any]) -> bool:
    """Queue the mail, once for each invoice, if it still waits for money. False when there was nothing (more) to say."""
    account_id = customers.account_of(row.customer_id)
    if invoice.get("status") != "open" or row.status != "past_due" or account_id is None or row.purpose != "subscription":
        return False
    account = db.session.get_one(Account, account_id)
    until = db.session.get_one(Membership, account_id).access_until
    subject, text, html = render_mail(
        "payment_failed",
        amount=invoice["amount_due"],
        currency=invoice["currency"],
        # Stripe's own page for this invoice asks for another card, or for the bank's consent.
        address=invoice.get("hosted_invoice_url") or public_url("account.show"),
        reads_until=until if until and until > clock.now() else None,
    )
    return queue_mail(account.email, subject, text, html, key=f"payment-failed:{invoice['id']}")
