"""Why people leave: the reasons on the page, in Stripe's own words for them (``cancellation_details.feedback``)."""

REASONS = ("too_expensive", "unused", "low_quality", "missing_features", "switched_service", "too_complex", "customer_service", "other")
LONGEST_COMMENT = 500


def details(feedback: str, comment: str) -> dict[str, str]:
    """``cancellation_details`` for Stripe; what was not answered (or is none of REASONS) is left out."""
    given = {"feedback": feedback} if feedback in REASONS else {}
    words = "".join(c for c in comment if c.isprintable() or c == "\n").strip()[:LONGEST_COMMENT]
    return given | ({"comment": words} if words else {})


def undone(found: dict[str, object]) -> dict[str, object]:
    """What to change on a Subscription so that it renews again: whichever of the two ways scheduled its end."""
    if found.get("cancel_at_period_end"):
        return {"cancel_at_period_end": False}
    return {"cancel_at": ""}
