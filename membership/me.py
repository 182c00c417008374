"""A reader as the contract's JSON object: /api/v1/me, the members API and ``flask members show --json`` alike."""

from datetime import datetime
from typing import Any

from kit import clock
from membership import memberships, panels
from membership.models import Account


def facts(account: Account) -> dict[str, Any]:
    """``email``, ``membership`` and ``contributions``; instants as RFC 3339 in UTC, amounts in minor units."""
    found = memberships.describe(account.id, clock.now())
    membership = {name: iso(value) if isinstance(value, datetime) else value for name, value in found.items()}
    return {"email": account.email, "membership": membership, "contributions": panels.contributions(account)}


def iso(instant: datetime) -> str:
    """RFC 3339 with Z."""
    return instant.isoformat().replace("+00:00", "Z")
