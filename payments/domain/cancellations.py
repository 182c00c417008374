"""Leaving: the reasons on the page, what may be offered instead, and how an end travels as Stripe's own fields."""

from datetime import timedelta
from typing import Any

from payments.domain import subscriptions as reading
from payments.domain.dunning import OVERDUE

# Stripe's own words (``cancellation_details.feedback``).
REASONS = ("too_expensive", "unused", "low_quality", "missing_features", "switched_service", "too_complex", "customer_service", "other")
LONGEST_COMMENT = 500
# Whose doing an end may be (reports.md §2). Staff may name each of them.
CAUSES = ("reader", "payment", "staff", "fraud", "dispute", "migration", "death")
OFFERS = ("pause", "yearly", "free_month")
PAUSE_MONTHS = (1, 2, 3)
FREE_MONTH_EVERY = timedelta(days=365)
_MARKS = ("end_cause", "end_source", "end_offers")


def cleaned(comment: str) -> str:
    """What was typed, without control characters."""
    return "".join(c for c in comment.replace("\r\n", "\n") if c.isprintable() or c == "\n").strip()


def details(feedback: str, comment: str) -> dict[str, str]:
    """``cancellation_details`` for Stripe; what was not answered (or is none of REASONS) is left out."""
    given = {"feedback": feedback} if feedback in REASONS else {}
    words = cleaned(comment)[:LONGEST_COMMENT]
    return given | ({"comment": words} if words else {})


def offers(*, interval: str | None, renewing: bool, yearly_on_sale: bool, had_free_month: bool) -> tuple[str, ...]:
    """What fits somebody with this subscription, the gentlest first. ``renewing``: it runs and is paid (no trial, no failed card)."""
    if not renewing:
        return ()
    monthly = interval == "month"
    fits = {"pause": True, "yearly": monthly and yearly_on_sale, "free_month": monthly and not had_free_month}
    return tuple(one for one in OFFERS if fits[one])


def free_month_coupon(amount: int, currency: str) -> dict[str, Any]:
    """What Stripe is told of a month of ``amount`` minor units. An amount, not 100 %: her next invoice may be for a whole year."""
    name = f"wellspring-free-month-{currency}-{amount}"
    return {"id": name, "amount_off": amount, "currency": currency, "duration": "once", "name": "A free month"}


def ending(cause: str, source: str, shown: tuple[str, ...] = ()) -> dict[str, Any]:
    """Metadata that keeps at Stripe whose doing an end is, so that an empty database derives it again."""
    return {"end_cause": cause, "end_source": source, "end_offers": ",".join(shown)}


def ends_at_once(found: dict[str, Any]) -> bool:
    """Must an end be at once? Where nobody paid for the running period it has no paid end to wait for, and until then
    Stripe would go on trying to charge it."""
    if found["status"] not in OVERDUE:
        return False
    seen = reading.read(found)
    return reading.paid_until(seen) != seen.period_end


def is_readers(found: dict[str, Any]) -> bool:
    """Is the end that is scheduled the reader's own doing? Only that one may she take back."""
    return cause_of(found) in (None, "reader")


def cause_of(found: dict[str, Any]) -> str | None:
    """Whose doing the end is, as it was written into the metadata."""
    return (found.get("metadata") or {}).get("end_cause") or None


def undone(found: dict[str, Any]) -> dict[str, Any]:
    """What to change on a Subscription so that it renews again: whichever of the two ways scheduled its end."""
    how: dict[str, Any] = {"cancel_at_period_end": False} if found.get("cancel_at_period_end") else {"cancel_at": ""}
    return {**how, "metadata": nothing()}


def nothing() -> dict[str, str]:
    """Metadata that takes every mark of an end away."""
    return dict.fromkeys(_MARKS, "")


def told(found: dict[str, Any]) -> tuple[str, tuple[str, ...], str | None, str]:
    """(source, offers shown, reason, comment) of an end, as the Subscription at Stripe has them."""
    metadata, said = found.get("metadata") or {}, found.get("cancellation_details") or {}
    source = metadata.get("end_source")
    shown = tuple(one for one in (metadata.get("end_offers") or "").split(",") if one in OFFERS)
    return source if source in ("page", "staff") else "portal", shown, said.get("feedback"), said.get("comment") or ""
