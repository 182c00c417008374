"""Stripe's test cards and test values, and what each of them does."""

import dataclasses
import re


@dataclasses.dataclass(frozen=True)
class Card:
    """`declines` names the decline at a charge, `at_attach` also refuses saving the card."""

    number: str
    brand: str = "visa"
    declines: str | None = None
    at_attach: bool = True
    authentication: str | None = None  # "always" | "until_set_up"
    dispute: str | None = None  # "fraudulent" | "inquiry" | "product_not_received"
    refund: str | None = None  # "fails" | "pending"
    risk: str = "normal"  # "elevated" (held for review) | "highest"
    warned: bool = False  # an early warning of fraud follows
    available_at_once: bool = False
    funding: str = "credit"


# code, decline_code, the message that Stripe shows
DECLINES: dict[str, tuple[str, str | None, str]] = {
    "generic_decline": ("card_declined", "generic_decline", "Your card was declined."),
    "insufficient_funds": (
        "card_declined",
        "insufficient_funds",
        "Your card has insufficient funds.",
    ),
    "lost_card": ("card_declined", "lost_card", "Your card was declined."),
    "stolen_card": ("card_declined", "stolen_card", "Your card was declined."),
    "expired_card": ("expired_card", None, "Your card has expired."),
    "incorrect_cvc": ("incorrect_cvc", None, "Your card's security code is incorrect."),
    "processing_error": (
        "processing_error",
        None,
        "An error occurred while processing your card. Try again in a little bit.",
    ),
    "fraudulent": ("card_declined", "fraudulent", "Your card was declined."),
    "authentication_required": (
        "authentication_required",
        "authentication_required",
        "Your card was declined. This transaction requires authentication.",
    ),
}

_ALL = (
    Card("4242424242424242"),
    Card("4000056655665556", funding="debit"),
    Card("5555555555554444", "mastercard"),
    Card("378282246310005", "amex"),
    Card("4000000000000002", declines="generic_decline"),
    Card("4000000000009995", declines="insufficient_funds"),
    Card("4000000000009987", declines="lost_card"),
    Card("4000000000009979", declines="stolen_card"),
    Card("4000000000000069", declines="expired_card"),
    Card("4000000000000127", declines="incorrect_cvc"),
    Card("4000000000000119", declines="processing_error"),
    Card("4100000000000019", declines="fraudulent"),
    Card("4000000000000341", declines="generic_decline", at_attach=False),
    Card("4000002500003155", authentication="until_set_up"),
    Card("4000002760003184", authentication="always"),
    Card("4000000000003220", authentication="always"),
    Card("4000000000000259", dispute="fraudulent"),
    Card("4000000000002685", dispute="product_not_received"),
    Card("4000000000001976", dispute="inquiry"),
    Card("4000000000000077", available_at_once=True),
    Card("4000000000005126", refund="fails"),
    Card("4000000000009235", risk="elevated"),
    Card("4000000000004954", risk="highest"),
    Card("4000000000005423", warned=True),
    Card("4000000000007726", refund="pending"),
)
CARDS = {card.number: card for card in _ALL}

# pm_card_NAME and tok_NAME -> card number
NAMES = {
    "visa": "4242424242424242",
    "visa_debit": "4000056655665556",
    "mastercard": "5555555555554444",
    "amex": "378282246310005",
    "chargeDeclined": "4000000000000002",
    "visa_chargeDeclined": "4000000000000002",
    "chargeDeclinedInsufficientFunds": "4000000000009995",
    "visa_chargeDeclinedInsufficientFunds": "4000000000009995",
    "chargeDeclinedExpiredCard": "4000000000000069",
    "chargeDeclinedIncorrectCvc": "4000000000000127",
    "chargeDeclinedProcessingError": "4000000000000119",
    "chargeDeclinedFraudulent": "4100000000000019",
    "chargeCustomerFail": "4000000000000341",
    "authenticationRequired": "4000002760003184",
    "authenticationRequiredOnSetup": "4000002500003155",
    "threeDSecure2Required": "4000000000003220",
    "createDispute": "4000000000000259",
    "createDisputeProductNotReceived": "4000000000002685",
    "createDisputeInquiry": "4000000000001976",
    "bypassPending": "4000000000000077",
    "refundFail": "4000000000005126",
    "pendingRefund": "4000000000007726",
}


def named(value: str) -> Card | None:
    """The card behind `pm_card_visa` or `tok_visa`."""
    match = re.fullmatch(r"(?:pm_card|tok)_(\w+)", value)
    return CARDS.get(NAMES.get(match[1], "")) if match else None


def numbered(number: str) -> Card | None:
    """The test card of that number, spaces and hyphens aside; None for any other number."""
    return CARDS.get(re.sub(r"[\s-]", "", number))
