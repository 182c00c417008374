"""Radar: risk in a charge's outcome, reviews, and the card networks' early warnings of fraud."""

from sandbox.errors import StripeError


def outcome(plain: dict, risk: str) -> dict:
    """The outcome of a payment that went through, with Radar's doubt in it: an elevated risk waits for a review."""
    if risk == "normal":
        return plain
    score = {"elevated": 65, "highest": 90}[risk]
    found = plain | {"risk_level": risk, "risk_score": score}
    if risk == "elevated":
        found |= {"type": "manual_review", "reason": "elevated_risk_level", "seller_message": "Stripe evaluated this payment as having elevated risk, and placed it in your manual review queue."}  # fmt: skip
    return found


def open_review(world, charge: dict) -> dict:
    review = world.make("review", of=charge, charge=charge["id"], payment_intent=charge["payment_intent"])
    with world.changing(charge, "charge.updated"):
        charge["review"] = review["id"]
    world.emit("review.opened", review)
    return review


def close_review(world, review: dict, why: str) -> dict:
    """`approved`, or `refunded` or `refunded_as_fraud`, which give the money back."""
    if not review["open"]:
        raise StripeError.invalid("This review is already closed.")
    charge = world.the("charge", review["charge"])
    with world.changing(review, None):
        review |= {"open": False, "closed_reason": why, "reason": why}
    with world.changing(charge, None):
        charge["review"] = None
    if why.startswith("refunded"):
        from sandbox.billing import refunds

        refunds.refund(world, charge, None, reason="fraudulent" if why == "refunded_as_fraud" else None)
    world.emit("review.closed", review)
    return review


def warn(world, charge: dict, kind: str = "made_with_stolen_card") -> dict:
    """The network's early warning of fraud: a refund now prevents the dispute."""
    warning = world.make(
        "radar.early_fraud_warning", of=charge, charge=charge["id"], payment_intent=charge["payment_intent"], fraud_type=kind
    )
    world.emit("radar.early_fraud_warning.created", warning)
    return warning


def answered(world, charge: dict) -> None:
    """A refund of all, or a dispute, came: the charge's warnings can no longer be acted on."""
    for warning in world.store.all("radar.early_fraud_warning"):
        if warning["charge"] == charge["id"] and warning["actionable"]:
            with world.changing(warning, "radar.early_fraud_warning.updated"):
                warning["actionable"] = False
