"""Calls to Stripe that change something: what is kept of them, when a key is over, and whether an object shows their effect."""

import hashlib
import json
from datetime import datetime, timedelta
from typing import Any

from payments.domain import sites

KEY_LIFE = timedelta(hours=23)  # Stripe remembers a key for 24 hours at least
SECRET = frozenset({"number", "cvc", "password", "secret", "token", "source", "card"})

# How Stripe is to do it, which it does not keep.
_MANNER = frozenset(
    {
        "expand",
        "proration_behavior",
        "proration_date",
        "payment_behavior",
        "off_session",
        "invoice_now",
        "prorate",
        "preserve_cancel_date",
        "resume_behavior",
        "billing_cycle_anchor",  # asked for as {"type": "now"}, kept as the instant that this was
    }
)
_STATUS = {
    "cancel": {"canceled"},
    "expire": {"expired"},
    "pay": {"paid"},
    "finalize_invoice": {"open", "paid", "void", "uncollectible"},
    "pause": {"paused"},
    "release": {"released"},
    "void_invoice": {"void"},
}


def fingerprint(kind: str, subject: str, params: dict[str, Any]) -> str:
    """What tells two wishes apart: sha256 of kind, object and parameters, in hex.

    Of a Customer it is whose she is: what she is called may change until she is made. What the site is called may, too.
    """
    params = sites.unmarked(params)
    if kind == "customers.create" and params.get("metadata"):
        params = {"metadata": params["metadata"]}
    return hashlib.sha256(json.dumps([kind, subject, params], sort_keys=True, default=str).encode()).hexdigest()


def kept(params: Any) -> Any:
    """The parameters as they may be written down. Raises ValueError if there is card data or a secret: none of ours has any."""
    if isinstance(params, dict):
        for name in params:
            if name in SECRET:
                raise ValueError(f"{name} must not be written down, so it cannot be asked for")
        return {name: kept(value) for name, value in params.items()}
    return [kept(one) for one in params] if isinstance(params, list | tuple) else params


def too_old(created_at: datetime, at: datetime) -> bool:
    """Has Stripe perhaps forgotten the key of a call first made at ``created_at``? Then asking would do it a second time."""
    return at - created_at >= KEY_LIFE


def done_to(verb: str, params: dict[str, Any], found: dict[str, Any]) -> bool | None:
    """Does the object, as it is now, show what ``verb`` (update, cancel, pay ...) asked of it? None: it cannot tell."""
    if verb in _STATUS:
        return found.get("status") in _STATUS[verb]
    if verb == "resume":
        return found.get("status") != "paused"
    if verb != "update":
        return None
    wanted = {name: value for name, value in params.items() if name not in _MANNER}
    if not wanted or any(name not in found for name in wanted):
        return None
    discounts = wanted.pop("discounts") if wanted.get("discounts") else []
    if discounts and not all(isinstance(one, dict) for one in found["discounts"]):
        return None  # bare ids do not say of which coupon they are
    return all(_discounted(found["discounts"], one) for one in discounts) and all(
        _shows(found[name], value) for name, value in wanted.items()
    )


def _discounted(running: list[dict[str, Any]], wanted: dict[str, str]) -> bool:
    """Is this one among the discounts? It is asked for by its own id where it ran before, by its coupon's where it is new."""
    coupons = [(one.get("source") or {}).get("coupon") for one in running]
    if "discount" in wanted:
        return any(_shows(one, wanted["discount"]) for one in running)
    return any(_shows(one, wanted.get("coupon")) for one in coupons)


def _shows(now: Any, wanted: Any) -> bool:
    if wanted in ("", None):
        return not now
    if isinstance(now, dict) and "data" in now and isinstance(wanted, list):
        return all(any(_shows(item, one) for item in now["data"]) for one in wanted)
    if isinstance(wanted, dict):
        return isinstance(now, dict) and all(_shows(now.get(name), value) for name, value in wanted.items())
    if isinstance(now, dict):
        return now.get("id") == wanted
    return now == wanted


def mark_of(params: dict[str, Any]) -> dict[str, Any] | None:
    """By what a made object is known again: what we put on it. None: nothing."""
    if params.get("client_reference_id"):
        return {"client_reference_id": params["client_reference_id"]}
    if params.get("metadata"):
        return {"metadata": sites.unmarked(params)["metadata"]}
    return {"url": params["url"]} if params.get("url") else None


def bears(found: dict[str, Any], mark: dict[str, Any]) -> bool:
    """Is this the object that was marked so?"""
    return _shows(found, mark)
