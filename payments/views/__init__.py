"""Doors of this room."""

from flask import Blueprint

from payments.views import billing, checkout, contributions, journal, monthly, panels, receipts, staff_contributions, staff_ledger, webhook

BLUEPRINTS: tuple[Blueprint, ...] = (
    checkout.bp,
    webhook.bp,
    billing.bp,
    journal.bp,
    contributions.bp,
    monthly.bp,
    receipts.bp,
    staff_contributions.bp,
    staff_ledger.bp,
)

__all__ = ["BLUEPRINTS", "panels"]
