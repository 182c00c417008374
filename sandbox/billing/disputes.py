"""Disputes: opened by a card's owner, money withdrawn, won or lost."""

from sandbox.billing import doubts, settling
from sandbox.errors import StripeError

DAY = 86400
FEE = 1500
INQUIRY = ("warning_needs_response", "warning_under_review")
FINAL = ("won", "lost", "warning_closed", "prevented")


def open_(world, charge: dict, why: str) -> dict:
    """A dispute of the whole charge, whatever was given back in part; an inquiry withdraws nothing yet.

    Raises StripeError when all was given back, or taken by another dispute.
    """
    inquiry = why == "inquiry"
    if left(world, charge) <= 0:
        raise StripeError.invalid(f"Nothing is left of charge {charge['id']} to dispute.")
    dispute = world.make(
        "dispute",
        of=charge,
        amount=charge["amount"],
        charge=charge["id"],
        currency=charge["currency"],
        payment_intent=charge["payment_intent"],
        reason="general" if inquiry else why,
        status="warning_needs_response" if inquiry else "needs_response",
        is_charge_refundable=inquiry,
        payment_method_details={
            "type": "card",
            "card": {
                "brand": charge["payment_method_details"]["card"]["brand"],
                "case_type": "inquiry" if inquiry else "chargeback",
                "network": charge["payment_method_details"]["card"]["brand"],
                "network_reason_code": "10.4",
            },
        },
    )
    dispute["evidence_details"]["due_by"] = dispute["created"] + 7 * DAY
    with world.changing(charge, "charge.updated"):
        charge["disputed"] = True
    if inquiry:
        world.emit("charge.dispute.created", dispute)
    else:
        _move(world, dispute, -dispute["amount"], FEE)
        world.emit("charge.dispute.created", dispute)
        world.emit("charge.dispute.funds_withdrawn", dispute)
        doubts.answered(world, charge)
    return dispute


def left(world, charge: dict) -> int:
    """What was neither given back nor taken away by a dispute, in minor units; negative when a dispute came after a refund."""
    taken = [t["amount"] for d in world.store.where("dispute", "charge", charge["id"]) for t in d["balance_transactions"]]
    return charge["amount"] - charge["amount_refunded"] + sum(taken)


def escalate(world, dispute: dict) -> dict:
    """An inquiry becomes a chargeback: now the money is withdrawn."""
    if dispute["status"] not in INQUIRY:
        raise StripeError.invalid("Only an open inquiry can become a dispute.")
    with world.changing(dispute, "charge.dispute.updated"):
        dispute |= {"status": "needs_response", "is_charge_refundable": False}
        dispute["payment_method_details"]["card"]["case_type"] = "chargeback"
        _move(world, dispute, -dispute["amount"], FEE)
    world.emit("charge.dispute.funds_withdrawn", dispute)
    doubts.answered(world, world.the("charge", dispute["charge"]))
    return dispute


def _move(world, dispute: dict, amount: int, fee: int) -> None:
    txn = settling.book(world, dispute, amount=amount, fee=fee, kind="adjustment", category="dispute" if amount < 0 else "dispute_reversal")
    dispute["balance_transactions"].append(txn)


def close(world, dispute: dict, status: str) -> dict:
    """The end of it: `won`, `lost` or `warning_closed`."""
    if dispute["status"] in FINAL:
        raise StripeError.invalid("This dispute is already closed.")
    if dispute["status"].startswith("warning"):  # an inquiry took nothing, so there is nothing to win back
        status = "warning_closed"
    with world.changing(dispute, "charge.dispute.updated"):
        dispute["status"] = status
        dispute["is_charge_refundable"] = False
    world.emit("charge.dispute.closed", dispute)
    if status == "won":
        with world.changing(dispute, None):
            _move(world, dispute, dispute["amount"], -FEE)
        world.emit("charge.dispute.funds_reinstated", dispute)
    return dispute


def respond(world, dispute: dict, evidence: dict, *, submit: bool) -> None:
    """Evidence; the test words `winning_evidence` and `losing_evidence` decide at once, as at Stripe."""
    with world.changing(dispute, "charge.dispute.updated"):
        dispute["evidence"] |= {k: v for k, v in evidence.items() if k in dispute["evidence"]}
        dispute["evidence_details"]["has_evidence"] = bool(evidence)
        if submit and evidence:
            dispute["evidence_details"]["submission_count"] += 1
            dispute["status"] = dispute["status"].replace("needs_response", "under_review")
    word = evidence.get("uncategorized_text")
    if submit and word in ("winning_evidence", "losing_evidence"):
        close(world, dispute, "won" if word == "winning_evidence" else "lost")
