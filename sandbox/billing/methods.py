"""Payment methods: made from a number, a token or a test value; attached to customers."""

from sandbox.billing import cards
from sandbox.errors import StripeError
from sandbox.objects import public

_EMPTY = {
    "address": {
        "city": None,
        "country": None,
        "line1": None,
        "line2": None,
        "postal_code": None,
        "state": None,
    },
    "email": None,
    "name": None,
    "phone": None,
    "tax_id": None,
}


def billing_details(given: dict | None) -> dict:
    details = public(_EMPTY)
    assert isinstance(details, dict)
    for key, value in (given or {}).items():
        details[key] = details["address"] | value if key == "address" and value else value or None
    return details


def make_card(
    world, card: cards.Card, *, of: dict | None = None, details: dict | None = None,
    exp_month: int = 12, exp_year: int = 2034, metadata: dict | None = None,
) -> dict:  # fmt: skip
    """A card payment method that belongs to nobody yet."""
    method = world.make("payment_method", of=of, type="card", metadata=metadata or {})
    method["billing_details"] = billing_details(details)
    method["_number"] = card.number
    method["card"] = {
        "brand": card.brand,
        "checks": {
            "address_line1_check": None,
            "address_postal_code_check": None,
            "cvc_check": "pass",
        },
        "country": "US",
        "display_brand": card.brand,
        "exp_month": exp_month,
        "exp_year": exp_year,
        "fingerprint": f"SIMULATED{card.number[-6:]}",
        "funding": card.funding,
        "generated_from": None,
        "last4": card.number[-4:],
        "networks": {"available": [card.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }
    return method


def make_debit(world, iban: str, *, details: dict | None = None) -> dict:
    """A SEPA debit; the IBANs that Stripe documents as failing fail."""
    method = world.make("payment_method", type="sepa_debit")
    method["billing_details"] = billing_details(details)
    method["sepa_debit"] = {
        "bank_code": iban[4:9],
        "branch_code": "",
        "country": iban[:2],
        "fingerprint": f"SIMULATED{iban[-6:]}",
        "generated_from": {"charge": None, "setup_attempt": None},
        "last4": iban[-4:],
    }
    method.pop("card", None)
    method["_debit_fails"] = iban in FAILING_IBANS
    return method


FAILING_IBANS = frozenset(
    {"AT861904300235473202", "DE62370400440532013001", "IT60X0542811101000000123456",
     "FR8420041010050500013M02607", "GB98MIDL07009312345680"}
)  # fmt: skip


def resolve(world, value: str, param: str = "payment_method", of: dict | None = None) -> dict:
    """The payment method of an id, or a fresh one for a `pm_card_...` test value."""
    card = cards.named(value)
    if card:
        return make_card(world, card, of=of)
    return world.need("payment_method", value, "PaymentMethod", param)


def attach(world, method: dict, customer: dict) -> dict:
    """Give a payment method to a customer; refused for cards that decline outright."""
    if method["customer"] == customer["id"]:
        return method
    if method["customer"]:
        raise StripeError.invalid(
            "The payment method you provided has already been attached to a customer.",
            "payment_method",
            "payment_method_unexpected_state",
        )
    card = cards.CARDS.get(method.get("_number", ""))
    if card and card.declines and card.at_attach:
        code, decline_code, message = cards.DECLINES[card.declines]
        fields = {"decline_code": decline_code} if decline_code else {}
        raise StripeError(message, status=402, kind="card_error", code=code, **fields)
    with world.changing(method, None):
        method["customer"] = customer["id"]
    world.emit("payment_method.attached", method)
    return method


def detach(world, method: dict) -> dict:
    if not method["customer"]:
        raise StripeError.invalid("The payment method you provided is not attached to a customer so detachment is impossible.")
    owner = method["customer"]
    with world.changing(method, None):
        method["customer"] = None
    customer = world.store.get("customer", owner)
    if customer and customer["invoice_settings"]["default_payment_method"] == method["id"]:
        with world.changing(customer, "customer.updated"):
            customer["invoice_settings"]["default_payment_method"] = None
    world.emit("payment_method.detached", method, {"customer": owner})
    return method


def of_customer(world, customer_id: str) -> list[dict]:
    """Oldest first."""
    return world.store.where("payment_method", "customer", customer_id)


def default_for(world, customer: dict, subscription: dict | None = None, invoice: dict | None = None) -> dict | None:
    """Stripe's order: the invoice's, the subscription's, the customer's default, her old source."""
    for holder in (invoice, subscription):
        if holder and holder["default_payment_method"]:
            return world.the("payment_method", holder["default_payment_method"])
    chosen = customer["invoice_settings"]["default_payment_method"]
    if chosen:
        return world.store.get("payment_method", chosen)
    source = customer.get("default_source")
    return world.store.get("payment_method", source) if source else None
