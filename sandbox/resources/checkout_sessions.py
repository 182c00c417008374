"""/v1/checkout/sessions"""

from sandbox import limits
from sandbox.billing import checkout, discounts, session_rules
from sandbox.expand import includable
from sandbox.lists import matching, page, retrievable
from sandbox.objects import list_object, plain, put_fields, put_metadata
from sandbox.resources import prices
from sandbox.routing import Call, route

PATH = "/v1/checkout/sessions"

retrievable("checkout.session", PATH, "checkout.session")


@route("GET", PATH)
def index(call: Call) -> dict:
    rows = matching(call, "checkout.session", "customer", "payment_intent", "status", "subscription")
    return page(call, rows)


@route("POST", PATH)
def create(call: Call) -> dict:
    world, params = call.world, call.params
    session_rules.check(params)
    params.tolerate(*session_rules.TOLERATED)
    mode = params.get("mode", "payment")
    customer = None
    if params.get("customer"):
        customer = world.need("customer", params["customer"], "customer", "customer")
    session = world.make("checkout.session", of=customer, mode=mode)
    session |= {
        "customer": customer["id"] if customer else None,
        "customer_creation": (params.get("customer_creation") or "if_required") if mode != "subscription" and not customer else ("always" if not customer else None),
        "_lines": _lines(call, mode),
        "_data": plain(params.get({"payment": "payment_intent_data", "subscription": "subscription_data", "setup": "setup_intent_data"}[mode]) or {}),
        "_coupons": [[c["id"], p["id"] if p else None] for c, p in discounts.wanted(world, params.get("discounts"), customer)],
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
    limits.moment("expires_at", session["expires_at"], world.now(session))
    limits.moment("subscription_data[trial_end]", session["_data"].get("trial_end"), world.now(session))
    session["currency"] = _currency(world, session, params)
    session["url"] = f"{world.base_url}/pages/checkout/{session['id']}"
    if mode != "setup":
        checkout.recount(world, session)
    return session


def _lines(call: Call, mode: str) -> list[dict]:
    given = call.params.get("line_items") or []
    found = [(prices.of_line(call.world, entry, f"line_items[{i}]"), entry.get("quantity", 1)) for i, entry in enumerate(given)]
    if mode != "setup":
        session_rules.check_prices(mode, found)
    return [
        {
            "id": call.world.ids.new("item"),
            "price": price["id"],
            "quantity": quantity,
            "metadata": dict(entry.get("metadata") or {}),
        }
        for (price, quantity), entry in zip(found, given, strict=True)
    ]


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
    stored = world.the("checkout.session", session["id"])
    return list_object(checkout.line_items(world, stored), f"{PATH}/{session['id']}/line_items")
