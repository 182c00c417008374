"""Leaving and staying: an end at the period's end, and taking it back, both through Stripe and the one way of following it."""

from typing import Any

from kit import clock
from kit.database import db
from kit.mail import queue_mail, render_mail
from kit.urls import public_url
from membership.models import Account
from payments import gateway, leases, subscriptions
from payments.domain import cancellations as rules
from payments.models import Subscription
from payments.subscriptions import Look

WITH_INVOICE = {"expand": ["latest_invoice"]}


def schedule(subscription_id: str, customer_id: str, feedback: str, comment: str) -> Subscription | None:
    """End it when the paid period is over. The caller commits. Raises LeaseBusy, GatewayUnavailable, GatewayRefused."""
    params = {"cancel_at_period_end": True, **WITH_INVOICE}
    told = rules.details(feedback, comment)
    return _change(subscription_id, customer_id, {**params, "cancellation_details": told} if told else params)


def undo(subscription_id: str, customer_id: str) -> Subscription | None:
    """It renews again. The caller commits."""
    return _change(subscription_id, customer_id, None)


def confirm(account_id: int, row: Subscription) -> None:
    """Tell her by mail until when she reads, once for each end."""
    account = db.session.get_one(Account, account_id)
    subject, text, html = render_mail("subscription_ending", subscription=row, address=public_url("billing.cancel"))
    queue_mail(account.email, subject, text, html, key=f"ending:{row.id}:{row.ends_at:%Y%m%d}:{clock.now():%Y%m%d}")


def _change(subscription_id: str, customer_id: str, params: dict[str, Any] | None) -> Subscription | None:
    """Change it under its Customer's lease (``params`` None: whatever undoes its end) and write what Stripe answers."""
    with leases.held(customer_id, patience=2.0) as lease:
        if params is None:
            params = {**rules.undone(gateway.fetch_subscription(subscription_id) or {}), **WITH_INVOICE}
        at = clock.now()
        found = gateway.update_subscription(subscription_id, params)
        lease.guard()
        return subscriptions.write(Look(subscription_id, at, found))
