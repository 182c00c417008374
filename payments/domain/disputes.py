"""What a Dispute's status means: does the bank only ask, is the money gone for now, is it over. Pure."""

from collections.abc import Mapping
from typing import Any

# An inquiry (``warning_*``) moves nothing, nor does a dispute that a refund prevented.
DISPUTED = frozenset({"needs_response", "under_review", "appeal_needs_response", "appeal_under_review"})
NEEDS_ANSWER = frozenset({"needs_response", "warning_needs_response", "appeal_needs_response"})
OPEN = DISPUTED | {"warning_needs_response", "warning_under_review"}


def is_inquiry(status: str) -> bool:
    """Does the bank only ask? Nothing has moved, and access goes on."""
    return status.startswith("warning_")


def read(dispute: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of our row that are plain values; ``due_by`` and ``created`` in seconds since 1970, or None."""
    return {
        "status": dispute.get("status") or "",
        "reason": dispute.get("reason") or "",
        "amount": dispute.get("amount") or 0,
        "currency": dispute.get("currency") or "",
        "inquiry": is_inquiry(dispute.get("status") or ""),
        "due_by": (dispute.get("evidence_details") or {}).get("due_by"),
        "created": dispute.get("created"),
    }
