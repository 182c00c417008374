"""/v1/prices, and the inline price_data of Checkout, subscriptions and invoices."""

from decimal import Decimal

from sandbox.errors import StripeError
from sandbox.lists import matching, page, retrievable
from sandbox.objects import plain, put_metadata
from sandbox.resources import products
from sandbox.routing import Call, route
from sandbox.search import search_page

PATH = "/v1/prices"

retrievable("price", PATH)


@route("GET", PATH)
def index(call: Call) -> dict:
    rows = matching(call, "price", "active", "currency", "product", "type")
    keys = call.params.get("lookup_keys")
    if keys is not None:
        rows = [p for p in rows if p["lookup_key"] in keys]
    recurring = plain(call.params.get("recurring") or {})
    rows = [p for p in rows if all((p["recurring"] or {}).get(k) == v for k, v in recurring.items())]
    return page(call, [p for p in rows if not p.get("_inline")])


def new(world, given: dict, *, inline: bool = False) -> dict:
    """A stored price from API parameters; emits price.created unless made inline."""
    product = given.get("product")
    if data := given.get("product_data"):
        product = products.new(world, **data)["id"]
    if not product:
        raise StripeError.missing_parameter("product")
    world.need("product", product, "product", "product")
    amount, decimal = _amount(given)
    price = world.make("price", currency=given["currency"].lower(), product=product)
    price |= {
        "active": given.get("active", True),
        "nickname": given.get("nickname"),
        "unit_amount": amount,
        "unit_amount_decimal": decimal,
        "tax_behavior": given.get("tax_behavior", "unspecified"),
        "custom_unit_amount": _custom(given.get("custom_unit_amount")),
    }
    if recurring := given.get("recurring"):
        price["type"] = "recurring"
        price["recurring"] = {
            "interval": recurring["interval"],
            "interval_count": recurring.get("interval_count", 1),
            "meter": None,
            "trial_period_days": recurring.get("trial_period_days"),
            "usage_type": recurring.get("usage_type", "licensed"),
        }
    put_metadata(price, given)
    if given.get("lookup_key"):
        _take_lookup_key(world, price, given["lookup_key"], bool(given.get("transfer_lookup_key")))
    if inline:
        price |= {"_inline": True, "active": False}
    else:
        world.emit("price.created", price)
        if price["type"] == "recurring":
            from sandbox.billing.subscribing import plan_of

            world.emit("plan.created", plan_of(price))
    return price


def _amount(given: dict) -> tuple[int | None, str | None]:
    if given.get("unit_amount_decimal") is not None:
        number = Decimal(given["unit_amount_decimal"])
        return (int(number) if number == int(number) else None), str(number)
    amount = given.get("unit_amount")
    if amount is None and not given.get("custom_unit_amount"):
        raise StripeError.missing_parameter("unit_amount")
    if amount is not None and amount < 0:
        raise StripeError.invalid("This value must be greater than or equal to 0.", "unit_amount", "parameter_invalid_integer")
    return amount, None if amount is None else str(amount)


def _custom(given: dict | None) -> dict | None:
    if not given:
        return None
    return {k: given.get(k) for k in ("maximum", "minimum", "preset")}


def _take_lookup_key(world, price: dict, key: str, transfer: bool) -> None:
    for other in world.store.all("price"):
        if other["lookup_key"] == key and other is not price:
            if not transfer:
                raise StripeError.invalid(
                    f"A price (`{other['id']}`) already uses that lookup key.", "lookup_key", "resource_already_exists"
                )  # fmt: skip
            with world.changing(other, "price.updated"):
                other["lookup_key"] = None
    price["lookup_key"] = key


@route("POST", PATH)
def create(call: Call) -> dict:
    return new(call.world, call.params)


@route("POST", PATH + "/{id}")
def update(call: Call) -> dict:
    price = call.world.need("price", call.id, "price")
    with call.world.changing(price, "price.updated"):
        for name in ("active", "nickname", "tax_behavior"):
            if name in call.params:
                price[name] = call.params[name]
        put_metadata(price, call.params)
        if call.params.get("lookup_key"):
            _take_lookup_key(call.world, price, call.params["lookup_key"], bool(call.params.get("transfer_lookup_key")))
    return price


@route("GET", PATH + "/search")
def search(call: Call) -> dict:
    return search_page(call, call.world.store.all("price"))


def of_line(world, given: dict, param: str) -> dict:
    """The price of a line: by id, or made from its price_data."""
    if given.get("price"):
        price = world.need("price", given["price"], "price", f"{param}[price]")
        if not price["active"] and not price.get("_inline"):
            raise StripeError.invalid(
                f"The price specified is inactive. This field only accepts active prices. (price: {price['id']})", f"{param}[price]"
            )
        return price
    if given.get("price_data"):
        return new(world, given["price_data"], inline=True)
    raise StripeError.missing_parameter(f"{param}[price]")
