"""Doors of this room."""

from flask import Blueprint

from payments.views import (
    away,
    billing,
    cancellations,
    changes,
    checkout,
    contributions,
    gifts,
    groups,
    journal,
    monthly,
    panels,
    receipts,
    staff_calls,
    staff_contributions,
    staff_disputes,
    staff_gifts,
    staff_ledger,
    staff_payments,
    staff_reconciliation,
    staff_subscription,
    staff_subscriptions,
    thanks,
    webhook,
)

BLUEPRINTS: tuple[Blueprint, ...] = (
    checkout.bp,
    webhook.bp,
    billing.bp,
    changes.bp,
    journal.bp,
    contributions.bp,
    gifts.bp,
    groups.bp,
    staff_gifts.bp,
    monthly.bp,
    receipts.bp,
    staff_calls.bp,
    staff_contributions.bp,
    staff_ledger.bp,
    staff_subscription.bp,
    staff_subscriptions.bp,
    staff_subscriptions.plans_bp,
    staff_payments.bp,
    staff_reconciliation.bp,
    staff_disputes.bp,
    thanks.bp,
)

__all__ = ["BLUEPRINTS", "away", "cancellations", "panels"]
