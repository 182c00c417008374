"""PaymentIntents and charges: confirm, decline, authenticate, capture, settle."""

from sandbox.billing import balance, cards, doubts, settling
from sandbox.errors import StripeError
from sandbox.objects import public

PAYABLE = ("requires_payment_method", "requires_confirmation", "requires_action")


def create_intent(world, *, amount: int, currency: str, of: dict | None = None, **values) -> dict:
    """A PaymentIntent awaiting its payment method; emits payment_intent.created."""
    intent = world.make("payment_intent", of=of, amount=amount, currency=currency, **values)
    intent["client_secret"] = f"{intent['id']}_secret_{world.ids.token(25)}"
    intent["status"] = "requires_confirmation" if intent["payment_method"] else "requires_payment_method"
    world.emit("payment_intent.created", intent)
    return intent


def confirm(world, intent: dict, method: dict, *, off_session: bool = False, authenticated: bool = False) -> str:
    """Try to pay; the intent's status afterwards.

    Raises StripeError (card_error, 402) on a decline, which is recorded on the
    intent and as a failed charge; and (400) when the intent is over or on its way.
    """
    must_be_payable(intent)
    card = cards.CARDS.get(method.get("_number", ""))
    if method["type"] != "card":
        intent["payment_method"] = method["id"]
        from sandbox.billing import debits

        return debits.start(world, intent, method)
    if obstacle(world, intent, method, off_session=off_session, authenticated=authenticated):
        return intent["status"]
    if authenticated:
        method["_set_up"] = True
        world.store.put(method)
    if intent["capture_method"] == "manual":
        return _authorise(world, intent, method)
    return _succeed(world, intent, method, card)


def must_be_payable(intent: dict, deed: str = "confirm") -> None:
    """Raises StripeError for an intent that was paid, canceled, authorised or is being paid: none takes money twice."""
    if intent["status"] not in PAYABLE:
        raise unexpected(intent, deed)


def unexpected(intent: dict, deed: str) -> StripeError:
    return StripeError.invalid(
        f"You cannot {deed} this PaymentIntent because it has a status of {intent['status']}.",
        code="payment_intent_unexpected_state",
    )


def cancel(world, intent: dict, reason: str | None) -> None:
    """Nobody pays it any more. Raises StripeError when it is over or on its way."""
    if intent["status"] in ("succeeded", "canceled", "processing"):
        raise unexpected(intent, "cancel")
    with world.changing(intent, None):
        intent |= {
            "status": "canceled",
            "canceled_at": world.now(intent),
            "cancellation_reason": reason,
            "amount_capturable": 0,
            "next_action": None,
        }
    world.emit("payment_intent.canceled", intent)


def obstacle(world, intent: dict, method: dict, *, off_session: bool = False, authenticated: bool = False) -> str | None:
    """`requires_action` when the bank wants to see the person first, None when nothing is in the way.

    Raises StripeError on a decline.
    """
    card = cards.CARDS.get(method.get("_number", ""))
    intent["payment_method"] = method["id"]
    if card and card.authentication and not authenticated:
        set_up = card.authentication == "until_set_up" and method.get("_set_up")
        if not set_up:
            if off_session:
                raise decline(world, intent, method, "authentication_required")
            return _ask_authentication(world, intent)
    if card and card.declines:
        raise decline(world, intent, method, card.declines)
    return None


def _ask_authentication(world, intent: dict) -> str:
    with world.changing(intent, None):
        intent["status"] = "requires_action"
        intent["next_action"] = {
            "type": "redirect_to_url",
            "redirect_to_url": {
                "return_url": intent.get("_return_url"),
                "url": f"{world.base_url}/pages/authenticate/{intent['id']}",
            },
        }
    world.emit("payment_intent.requires_action", intent)
    return intent["status"]


def fail_authentication(world, intent: dict) -> None:
    """The person refused or failed the simulated 3-D Secure step."""
    with world.changing(intent, None):
        intent |= {
            "status": "requires_payment_method",
            "next_action": None,
            "last_payment_error": {
                "type": "invalid_request_error",
                "code": "payment_intent_authentication_failure",
                "message": "The provided PaymentMethod has failed authentication. "
                "You can provide payment_method_data or a new PaymentMethod to attempt "
                "to fulfill this PaymentIntent again.",
            },
            "payment_method": None,
        }
    world.emit("payment_intent.payment_failed", intent)


def decline(world, intent: dict, method: dict, reason: str) -> StripeError:
    """Record the decline; the error to raise."""
    code, decline_code, message = cards.DECLINES[reason]
    charge = new_charge(world, intent, method, status="failed")
    charge |= {
        "failure_code": code,
        "failure_message": message,
        "outcome": outcome("declined_by_network", decline_code, "issuer_declined"),
    }
    problem: dict[str, object] = {"type": "card_error", "code": code, "message": message}
    problem |= {"charge": charge["id"], "payment_method": public(method)}
    if decline_code:
        problem["decline_code"] = decline_code
    with world.changing(intent, None):
        intent |= {
            "status": "requires_payment_method",
            "payment_method": None,
            "next_action": None,
            "last_payment_error": problem,
            "latest_charge": charge["id"],
        }
    world.emit("charge.failed", charge)
    world.emit("payment_intent.payment_failed", intent)
    fields: dict = {"charge": charge["id"], "payment_intent": public(intent)}
    if decline_code:
        fields["decline_code"] = decline_code
    fields["payment_method"] = public(method)
    return StripeError(message, status=402, kind="card_error", code=code, **fields)


def outcome(network_status: str, reason: str | None, kind: str) -> dict:
    approved = kind == "authorized"
    return {
        "advice_code": None if approved else "try_again_later",
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": network_status,
        "reason": reason,
        "risk_level": "normal",
        "risk_score": 12,
        "seller_message": "Payment complete." if approved else "The bank declined the payment.",
        "type": kind,
    }


def new_charge(world, intent: dict, method: dict, *, status: str) -> dict:
    """A charge of the intent, in the state of its first moment."""
    return world.make(
        "charge",
        of=intent,
        amount=intent["amount"],
        currency=intent["currency"],
        customer=intent["customer"],
        description=intent["description"],
        payment_intent=intent["id"],
        payment_method=method["id"],
        payment_method_details=details_of(method),
        billing_details=public(method["billing_details"]),
        metadata=dict(intent["metadata"]),
        receipt_email=intent["receipt_email"],
        shipping=intent["shipping"],
        statement_descriptor=intent["statement_descriptor"],
        calculated_statement_descriptor="SIMULATED",
        status=status,
        paid=status != "failed",
        captured=False,
        refunded=False,
        disputed=False,
    )


def details_of(method: dict) -> dict:
    """A charge's payment_method_details for a payment method."""
    if method["type"] != "card":
        kind = method["type"]
        return {"type": kind, kind: {k: v for k, v in method[kind].items() if k != "generated_from"} | {"mandate": None}}
    card = method["card"]
    return {
        "type": "card",
        "card": {
            "amount_authorized": None,
            "authorization_code": None,
            "brand": card["brand"],
            "checks": card["checks"],
            "country": card["country"],
            "exp_month": card["exp_month"],
            "exp_year": card["exp_year"],
            "extended_authorization": {"status": "disabled"},
            "fingerprint": card["fingerprint"],
            "funding": card["funding"],
            "incremental_authorization": {"status": "unavailable"},
            "installments": None,
            "last4": card["last4"],
            "mandate": None,
            "multicapture": {"status": "unavailable"},
            "network": card["brand"],
            "network_token": {"used": False},
            "network_transaction_id": None,
            "overcapture": {"maximum_amount_capturable": 0, "status": "unavailable"},
            "regulated_status": "unregulated",
            "three_d_secure": None,
            "wallet": None,
        },
    }


def _authorise(world, intent: dict, method: dict) -> str:
    charge = new_charge(world, intent, method, status="succeeded")
    charge["outcome"] = outcome("approved_by_network", None, "authorized")
    with world.changing(intent, None):
        intent |= {
            "status": "requires_capture",
            "amount_capturable": intent["amount"],
            "latest_charge": charge["id"],
            "next_action": None,
        }
    world.emit("charge.succeeded", charge)
    world.emit("payment_intent.amount_capturable_updated", intent)
    return intent["status"]


def capture(world, intent: dict, amount: int) -> dict:
    """Take what was authorised, or less of it; the rest is released as a refund-like remainder."""
    charge = world.the("charge", intent["latest_charge"])
    with world.changing(charge, None):
        charge |= {"captured": True, "amount_captured": amount}
        charge["amount_refunded"] = charge["amount"] - amount
        settling.settle(world, charge, amount)
    with world.changing(intent, None):
        intent |= {"status": "succeeded", "amount_capturable": 0, "amount_received": amount}
    world.emit("charge.captured", charge)
    world.emit("payment_intent.succeeded", intent)
    return intent


def _succeed(world, intent: dict, method: dict, card: cards.Card | None) -> str:
    charge = new_charge(world, intent, method, status="succeeded")
    charge |= {
        "captured": True,
        "amount_captured": charge["amount"],
        "outcome": doubts.outcome(outcome("approved_by_network", None, "authorized"), card.risk if card else "normal"),
        "receipt_url": f"{world.base_url}/pages/receipts/{charge['id']}",
    }
    late = world.faults.late_balance_transaction()
    if not late:
        settling.settle(world, charge, charge["amount"], at_once=bool(card and card.available_at_once))
    with world.changing(intent, None):
        intent |= {
            "status": "succeeded",
            "amount_received": intent["amount"],
            "latest_charge": charge["id"],
            "last_payment_error": None,
            "next_action": None,
        }
    world.emit("charge.succeeded", charge)
    world.emit("payment_intent.succeeded", intent)
    if card and card.available_at_once:
        world.emit("balance.available", balance.summary(world))
    if late:
        charge["_settles_at"] = world.now(charge) + 2
    if card and card.dispute:
        from sandbox.billing import disputes

        disputes.open_(world, charge, card.dispute)
    if card and card.risk == "elevated":
        doubts.open_review(world, charge)
    if card and card.warned:
        doubts.warn(world, charge)
    return intent["status"]
