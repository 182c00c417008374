"""What became of a Checkout Session that sells something once: read off the object as it was fetched."""

from typing import Any


def outcome(session: dict[str, Any]) -> str:
    """``canceled`` when it ran out, ``failed`` when the bank gave up after she had paid, else ``pending``: money speaks for itself."""
    if session.get("status") == "expired":
        return "canceled"
    paying = session.get("payment_intent")
    gave_up = isinstance(paying, dict) and paying.get("status") in ("requires_payment_method", "canceled")
    return "failed" if session.get("status") == "complete" and session.get("payment_status") == "unpaid" and gave_up else "pending"
