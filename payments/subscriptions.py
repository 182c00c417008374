"""Subscriptions (being written)."""

from typing import Any


def cancel_all(account: Any) -> None:
    """Cancel at Stripe what an account that is being closed still pays for."""
