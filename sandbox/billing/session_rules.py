"""What a Checkout Session may be asked for, with Stripe's refusals."""

from sandbox.errors import StripeError

# Parameters whose behaviour the sandbox has. Others are refused by name rather than
# accepted and forgotten.
KNOWN = frozenset(
    ["allow_promotion_codes", "allowed_payment_method_types", "cancel_url", "client_reference_id", "currency", "customer", "customer_creation", "customer_email", "discounts", "expires_at", "line_items", "locale", "metadata", "mode", "payment_intent_data", "payment_method_collection", "setup_intent_data", "submit_type", "subscription_data", "success_url", "ui_mode"]
)  # fmt: skip
# Accepted, and without effect on the simulated page.
TOLERATED = frozenset(["adaptive_pricing", "automatic_tax", "billing_address_collection", "customer_update"])
KNOWN_DATA = {
    "payment_intent_data": frozenset(
        ["capture_method", "description", "metadata", "receipt_email", "setup_future_usage", "shipping", "statement_descriptor"]
    ),
    "subscription_data": frozenset(["description", "metadata", "trial_end", "trial_period_days", "trial_settings"]),
    "setup_intent_data": frozenset(["description", "metadata"]),
}
OWN_MODE = {"payment_intent_data": "payment", "subscription_data": "subscription", "setup_intent_data": "setup"}


def check(params: dict) -> None:
    """Raises StripeError naming the parameter that does not fit."""
    for name in sorted(set(params) - KNOWN - TOLERATED):
        raise StripeError.invalid(f"The sandbox has no behaviour for {name} yet.", name)
    mode = params.get("mode", "payment")
    for name, own in OWN_MODE.items():
        if params.get(name) and mode != own:
            raise StripeError.invalid(f"You can not pass `{name}` in `{mode}` mode.", name)
        for key in sorted(set(params.get(name) or {}) - KNOWN_DATA[name]):
            raise StripeError.invalid(f"The sandbox has no behaviour for {name}[{key}] yet.", f"{name}[{key}]")
    for refused, message, param in _refusals(params, mode):
        if refused:
            code = "parameter_missing" if message.startswith("Missing required param") else None
            raise StripeError.invalid(message, param, code)


def _refusals(params: dict, mode: str) -> list[tuple[bool, str, str]]:
    """(whether it applies, message, parameter)"""

    def both(one: str, other: str) -> bool:
        return bool(params.get(one) and params.get(other))

    only_one = "You may only specify one of these parameters: {}, {}."
    hosted = params.get("ui_mode", "hosted_page") == "hosted_page"
    return [
        (not hosted, "The sandbox has the hosted page only.", "ui_mode"),
        (not params.get("success_url"), "Missing required param: success_url.", "success_url"),
        (mode != "setup" and not params.get("line_items"), "Missing required param: line_items.", "line_items"),
        (both("customer", "customer_email"), only_one.format("customer", "customer_email"), "customer_email"),
        (both("customer", "customer_creation"), only_one.format("customer", "customer_creation"), "customer_creation"),
        (both("discounts", "allow_promotion_codes"), only_one.format("allow_promotion_codes", "discounts"), "discounts"),
        (
            mode == "subscription" and bool(params.get("customer_creation")),
            "`customer_creation` can only be used in `payment` and `setup` mode.",
            "customer_creation",
        ),
        (
            mode == "setup" and bool(params.get("submit_type")),
            "`submit_type` can only be used in `payment` and `subscription` mode.",
            "submit_type",
        ),
    ]


def check_prices(mode: str, prices: list[tuple[dict, int]]) -> None:
    """The session's (price, quantity) against its mode."""
    for i, (price, quantity) in enumerate(prices):
        if mode == "payment" and price["recurring"]:
            raise StripeError.invalid(
                "You specified `payment` mode but passed a recurring price. Either switch to "
                "`subscription` mode or use only one-time prices.",
                f"line_items[{i}][price]",
            )
        if quantity < 1:
            raise StripeError.invalid(
                "This value must be greater than or equal to 1.",
                f"line_items[{i}][quantity]",
                "parameter_invalid_integer",
            )
    if mode == "subscription" and not any(p["recurring"] for p, _ in prices):
        raise StripeError.invalid(
            "You must provide at least one recurring price in `subscription` mode when using prices.",
            "line_items",
        )
    if len({p["currency"] for p, _ in prices}) > 1:
        raise StripeError.invalid("All prices on a Checkout Session must have the same currency.", "line_items")
    if mode == "payment" and sum((p["unit_amount"] or 0) * quantity for p, quantity in prices) < 50:
        raise StripeError.invalid(
            "The Checkout Session's total amount due must add up to at least $0.50 usd",
            code="amount_too_small",
        )
