"""Words of older API versions, for callers that do not pin the SDK's version.

The Stripe CLI's scenarios were written over years. What they still say is put into
today's words here, so that the handlers and the parameter check know one version only.
The application pins the version and gets none of this.
"""


def modernise(method: str, template: str, params: dict) -> dict:
    """The parameters in the words of the current version."""
    if method != "POST":
        return params
    deed = _DEEDS.get(template)
    return deed(dict(params)) if deed else params


def _method_types(params: dict) -> dict:
    if "payment_method_types" in params:
        params["allowed_payment_method_types"] = params.pop("payment_method_types")
    return params


def _promotion(params: dict) -> dict:
    if "coupon" in params:
        params["promotion"] = {"type": "coupon", "coupon": params.pop("coupon")}
    return params


def _phases(params: dict) -> dict:
    """`iterations` of a phase's price became a `duration`; these scenarios use monthly prices."""
    for phase in (params.get("phases") or {}).values():
        if "iterations" in phase:
            phase["duration"] = {"interval": "month", "interval_count": phase.pop("iterations")}
    return params


_DEEDS = {
    "/v1/checkout/sessions": _method_types,
    "/v1/payment_intents": _method_types,
    "/v1/setup_intents": _method_types,
    "/v1/promotion_codes": _promotion,
    "/v1/subscription_schedules": _phases,
}

# Parameters without a successor, which the handlers still understand: customers' coupons.
STILL_KNOWN = {
    ("POST", "/v1/customers"): {"coupon"},
    ("POST", "/v1/customers/{id}"): {"coupon"},
}
