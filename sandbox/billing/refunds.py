"""Refunds: the money goes back, or is pending, or comes back again."""

from sandbox.billing import cards, disputes, doubts, settling
from sandbox.errors import StripeError

OVER = ("won", "warning_closed", "prevented")  # disputes that leave the charge refundable
UNDER_WAY = ("pending", "requires_action", "succeeded")  # refunds that may still come back


def refund(world, charge: dict, amount: int | None, **values) -> dict:
    """Refund a charge in part or in full. Raises StripeError when nothing is left to refund."""
    # What a capture in part released counts as refunded too, so all is reckoned from the whole amount.
    left = charge["amount"] - charge["amount_refunded"] if charge["captured"] else 0
    if any(not d["is_charge_refundable"] and d["status"] not in OVER for d in _disputes(world, charge)):
        raise StripeError.invalid(f"Charge {charge['id']} has been charged back; cannot issue a refund.", code="charge_disputed")
    if left <= 0:
        raise StripeError.invalid(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    if amount is not None and amount > left:
        raise StripeError.invalid(f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})", "amount")
    amount = left if amount is None else amount
    method = world.store.get("payment_method", charge["payment_method"] or "") or {}
    card = cards.CARDS.get(method.get("_number", ""))
    made = world.make(
        "refund", of=charge, amount=amount, currency=charge["currency"], charge=charge["id"],
        payment_intent=charge["payment_intent"], payment_method=charge["payment_method"],
        customer=charge["customer"], status="pending" if card and card.refund == "pending" else "succeeded",
        destination_details={"type": "card", "card": {"type": "refund", "reference_status": "pending", "reference_type": "acquirer_reference_number"}},
        **values,
    )  # fmt: skip
    txn = settling.book(world, made, amount=-amount, fee=0, kind="refund")
    made["balance_transaction"] = txn["id"]
    world.emit("refund.created", made)
    with world.changing(charge, None):
        was = charge["amount_refunded"]
        charge["amount_refunded"] += amount
        charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    world.emit("charge.refunded", charge, {"amount_refunded": was, "refunded": False})
    if charge["refunded"]:
        doubts.answered(world, charge)
        _settle_inquiries(world, charge)
    if card and card.refund == "fails":
        made["_fails_at"] = world.now(made) + 1
    elif made["status"] == "pending":
        made["_arrives_at"] = world.now(made) + 5 * 86400
    elif made["status"] == "succeeded":
        _reference(world, made)
    return made


def _reference(world, made: dict) -> None:
    """The bank's reference follows the refund: refund.updated and charge.refund.updated."""
    with world.changing(made, "refund.updated"):
        made["destination_details"]["card"] |= {"reference": str(world.ids.random.randrange(10**22)), "reference_status": "available"}
    world.emit("charge.refund.updated", made)


def _disputes(world, charge: dict) -> list[dict]:
    return world.store.where("dispute", "charge", charge["id"])


def _settle_inquiries(world, charge: dict) -> None:
    """Who has all her money back asks no more."""
    for dispute in _disputes(world, charge):
        if dispute["status"] in disputes.INQUIRY:
            disputes.close(world, dispute, "warning_closed")


def fail(world, made: dict) -> None:
    """The bank sends the money back to us: refund.failed, the charge is refunded less. Raises StripeError when it is over already."""
    if made["status"] not in UNDER_WAY:
        raise StripeError.invalid(f"A refund that is {made['status']} cannot fail.")
    was = made["status"]
    made.pop("_fails_at", None)
    made.pop("_arrives_at", None)
    charge = world.the("charge", made["charge"])
    txn = settling.book(world, made, amount=made["amount"], fee=0, kind="refund_failure")
    with world.changing(made, None):
        made |= {
            "status": "failed",
            "failure_reason": "expired_or_canceled_card",
            "failure_balance_transaction": txn["id"],
        }
    with world.changing(charge, "charge.updated"):
        charge["amount_refunded"] -= made["amount"]
        charge["refunded"] = False
    world.emit("refund.updated", made, {"status": was})
    world.emit("refund.failed", made)
    world.emit("charge.refund.updated", made, {"status": was})


def succeed(world, made: dict) -> None:
    """A pending refund arrives."""
    made.pop("_arrives_at", None)
    with world.changing(made, "refund.updated"):
        made["status"] = "succeeded"


def cancel(world, made: dict) -> dict:
    if made["status"] not in ("pending", "requires_action"):
        raise StripeError.invalid("Only a pending refund can be canceled.")
    made.pop("_arrives_at", None)
    charge = world.the("charge", made["charge"])
    with world.changing(charge, "charge.updated"):
        charge["amount_refunded"] -= made["amount"]
        charge["refunded"] = False
    with world.changing(made, "refund.updated"):
        made["status"] = "canceled"
    return made
