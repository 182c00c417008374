"""/v1/checkout/sessions"""

from sandbox.billing import checkout, discounts
from sandbox.errors import StripeError
from sandbox.expand import includable
from sandbox.lists import matching, page, retrievable
from sandbox.objects import list_object, put_fields, put_metadata
from sandbox.resources import prices
from sandbox.routing import Call, route

PATH = "/v1/checkout/sessions"
# Parameters whose behaviour the sandbox really has. Others are refused by name rather
# than accepted and forgotten.
KNOWN = frozenset(
    ["adaptive_pricing", "allow_promotion_codes", "automatic_tax", "billing_address_collection", "cancel_url", "client_reference_id", "currency", "customer", "customer_creation", "customer_email", "discounts", "expires_at", "line_items", "locale", "metadata", "mode", "payment_intent_data", "payment_method_collection", "allowed_payment_method_types", "setup_intent_data", "submit_type", "subscription_data", "success_url", "ui_mode", "phone_number_collection", "consent_collection", "customer_update"]
)  # fmt: skip

retrievable("checkout.session", PATH, "checkout.session")


@route("GET", PATH)
def index(call: Call) -> dict:
    rows = matching(call, call.world.store.all("checkout.session"), "customer", "payment_intent", "status", "subscription")
    return page(call, rows)


@route("POST", PATH)
def create(call: Call) -> dict:
    world, params = call.world, call.params
    _check(params)
    mode = params.get("mode", "payment")
    customer = None
    if params.get("customer"):
        customer = world.need("customer", params["customer"], "customer", "customer")
        if customer.get("_deleted"):
            raise StripeError.missing("customer", customer["id"], "customer")
    session = world.make("checkout.session", of=customer, mode=mode)
    session |= {
        "customer": customer["id"] if customer else None,
        "customer_creation": (params.get("customer_creation") or "if_required") if mode != "subscription" and not customer else ("always" if not customer else None),
        "_lines": _lines(call, mode),
        "_data": dict(params.get({"payment": "payment_intent_data", "subscription": "subscription_data", "setup": "setup_intent_data"}[mode]) or {}),
        "_coupons": [[c["id"], p["id"] if p else None] for c, p in discounts.wanted(world, params.get("discounts"))],
    }  # fmt: skip
    put_fields(
        session,
        params,
        "success_url",
        "cancel_url",
        "client_reference_id",
        "customer_email",
        "locale",
        "submit_type",
        "allow_promotion_codes",
        "billing_address_collection",
    )
    if kinds := params.get("allowed_payment_method_types"):
        session |= {"allowed_payment_method_types": kinds, "payment_method_types": kinds}
    put_metadata(session, params)
    session["payment_method_collection"] = params.get("payment_method_collection", "always") if mode == "subscription" else "if_required"
    session["expires_at"] = params.get("expires_at") or session["created"] + checkout.DAY
    session["currency"] = _currency(world, session, params)
    session["url"] = f"{world.base_url}/pages/checkout/{session['id']}"
    if mode != "setup":
        checkout.recount(world, session)
    return session


def _check(params: dict) -> None:
    for name in sorted(set(params) - KNOWN):
        raise StripeError.invalid(f"The sandbox has no behaviour for {name} yet.", name)
    mode = params.get("mode", "payment")
    if params.get("ui_mode", "hosted_page") != "hosted_page":
        raise StripeError.invalid("The sandbox has the hosted page only.", "ui_mode")
    if not params.get("success_url"):
        raise StripeError.missing_parameter("success_url")
    if mode != "setup" and not params.get("line_items"):
        raise StripeError.missing_parameter("line_items")
    if params.get("customer") and params.get("customer_email"):
        raise StripeError.invalid("You may only specify one of these parameters: customer, customer_email.", "customer_email")
    if params.get("customer_creation") and mode == "subscription":
        raise StripeError.invalid("`customer_creation` can only be used in `payment` and `setup` mode.", "customer_creation")
    if params.get("discounts") and params.get("allow_promotion_codes"):
        raise StripeError.invalid("You may only specify one of these parameters: allow_promotion_codes, discounts.", "discounts")
    for name, own in (("subscription_data", "subscription"), ("payment_intent_data", "payment"), ("setup_intent_data", "setup")):
        if params.get(name) and mode != own:
            raise StripeError.invalid(f"You can not pass `{name}` in `{mode}` mode.", name)
    if mode == "subscription" and params.get("submit_type") not in (None, "auto", "subscribe"):
        raise StripeError.invalid("You can not pass `submit_type` in `subscription` mode.", "submit_type")


def _lines(call: Call, mode: str) -> list[dict]:
    rows = []
    for i, entry in enumerate(call.params.get("line_items") or []):
        price = prices.of_line(call.world, entry, f"line_items[{i}]")
        if mode == "payment" and price["recurring"]:
            raise StripeError.invalid(
                "You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode or use only one-time prices.",
                f"line_items[{i}][price]",
            )
        quantity = entry.get("quantity", 1)
        if quantity < 1:
            raise StripeError.invalid(
                "This value must be greater than or equal to 1.", f"line_items[{i}][quantity]", "parameter_invalid_integer"
            )
        rows.append(
            {"id": call.world.ids.new("item"), "price": price["id"], "quantity": quantity, "metadata": dict(entry.get("metadata") or {})}
        )
    found = [call.world.store.get("price", r["price"]) for r in rows]
    if mode == "subscription" and not any(p["recurring"] for p in found):
        raise StripeError.invalid("You must provide at least one recurring price in `subscription` mode when using prices.", "line_items")
    if len({p["currency"] for p in found}) > 1:
        raise StripeError.invalid("All prices on a Checkout Session must have the same currency.", "line_items")
    if mode == "payment" and found and sum(p["unit_amount"] * r["quantity"] for p, r in zip(found, rows, strict=True)) < 50:
        raise StripeError.invalid("The Checkout Session's total amount due must add up to at least $0.50 usd", code="amount_too_small")
    return rows


def _currency(world, session: dict, params: dict) -> str | None:
    if session["_lines"]:
        return world.store.get("price", session["_lines"][0]["price"])["currency"]
    return params.get("currency")


@route("POST", PATH + "/{id}")
def update(call: Call) -> dict:
    session = call.world.need("checkout.session", call.id, "checkout.session")
    put_metadata(session, call.params)
    return call.world.store.put(session)


@route("POST", PATH + "/{id}/expire")
def expire(call: Call) -> dict:
    return checkout.expire(call.world, call.world.need("checkout.session", call.id, "checkout.session"))


@route("GET", PATH + "/{id}/line_items")
def line_items(call: Call) -> dict:
    session = call.world.need("checkout.session", call.id, "checkout.session")
    return page(call, checkout.line_items(call.world, session), newest_first=False)


@includable("checkout.session", "line_items")
def shown_line_items(world, session: dict) -> dict:
    stored = world.store.get("checkout.session", session["id"])
    return list_object(checkout.line_items(world, stored), f"{PATH}/{session['id']}/line_items")
