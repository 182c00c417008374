"""SetupIntents: saving a card for later."""

from sandbox.billing import cards, methods
from sandbox.errors import StripeError
from sandbox.objects import public


def create(world, *, of: dict | None = None, **values) -> dict:
    intent = world.make("setup_intent", of=of, **values)
    intent["client_secret"] = f"{intent['id']}_secret_{world.ids.token(25)}"
    intent["status"] = "requires_confirmation" if intent["payment_method"] else "requires_payment_method"
    world.emit("setup_intent.created", intent)
    return intent


def confirm(world, intent: dict, method: dict, *, authenticated: bool = False) -> str:
    """Save the card; the intent's status. Raises StripeError when the card refuses."""
    card = cards.CARDS.get(method.get("_number", ""))
    intent["payment_method"] = method["id"]
    if card and card.declines and card.at_attach:
        code, decline_code, message = cards.DECLINES[card.declines]
        problem = {"type": "card_error", "code": code, "message": message, "payment_method": public(method)}
        if decline_code:
            problem["decline_code"] = decline_code
        with world.changing(intent, None):
            intent |= {"status": "requires_payment_method", "last_setup_error": problem, "payment_method": None}
        world.emit("setup_intent.setup_failed", intent)
        extra = {"decline_code": decline_code} if decline_code else {}
        raise StripeError(message, status=402, kind="card_error", code=code, setup_intent=public(intent), **extra)
    if card and card.authentication and not authenticated:
        with world.changing(intent, None):
            intent["status"] = "requires_action"
            intent["next_action"] = {"type": "use_stripe_sdk", "use_stripe_sdk": {}}
        world.emit("setup_intent.requires_action", intent)
        return "requires_action"
    method["_set_up"] = True
    world.store.put(method)
    with world.changing(intent, None):
        intent |= {"status": "succeeded", "next_action": None}
    if intent["customer"]:
        methods.attach(world, method, world.the("customer", intent["customer"]))
    world.emit("setup_intent.succeeded", intent)
    return "succeeded"


def set_up(world, customer: dict | None, method: dict, *, authenticated: bool, metadata: dict | None = None) -> dict:
    """A SetupIntent made and confirmed at once."""
    intent = create(world, of=customer, customer=customer["id"] if customer else None, metadata=metadata or {})
    confirm(world, intent, method, authenticated=authenticated)
    return intent
