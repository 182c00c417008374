"""Bank debits: processing first, the outcome a moment later."""

from sandbox.billing import charging, settling


def start(world, intent: dict, method: dict) -> str:
    charge = charging.new_charge(world, intent, method, status="pending")
    charge["outcome"] = charging.outcome("approved_by_network", None, "authorized")
    charge["_clears_at"] = world.now(charge) + 1
    with world.changing(intent, None):
        intent |= {"status": "processing", "latest_charge": charge["id"], "next_action": None}
    world.emit("payment_intent.processing", intent)
    world.emit("charge.pending", charge)
    return "processing"


def clear(world, charge: dict) -> bool:
    """The bank's answer to a debit; True when the money came."""
    charge.pop("_clears_at", None)
    intent = world.the("payment_intent", charge["payment_intent"])
    method = world.the("payment_method", charge["payment_method"])
    if method.get("_debit_fails"):
        with world.changing(charge, None):
            charge |= {
                "status": "failed",
                "paid": False,
                "failure_code": "charge_exceeds_source_limit",
                "failure_message": "The bank refused the debit.",
            }
        with world.changing(intent, None):
            intent |= {
                "status": "requires_payment_method",
                "last_payment_error": {
                    "type": "invalid_request_error",
                    "code": "payment_intent_payment_attempt_failed",
                    "message": "The payment failed.",
                },
            }
        world.emit("charge.failed", charge)
        world.emit("payment_intent.payment_failed", intent)
        return False
    with world.changing(charge, None):
        charge |= {"status": "succeeded", "captured": True, "amount_captured": charge["amount"]}
        settling.settle(world, charge, charge["amount"])
    with world.changing(intent, None):
        intent |= {"status": "succeeded", "amount_received": intent["amount"]}
    world.emit("charge.succeeded", charge)
    world.emit("payment_intent.succeeded", intent)
    return True
