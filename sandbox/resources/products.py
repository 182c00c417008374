"""/v1/products"""

from sandbox.errors import StripeError
from sandbox.lists import listable, retrievable
from sandbox.objects import put_fields, put_metadata
from sandbox.routing import Call, route
from sandbox.search import search_page

PATH = "/v1/products"
PLAIN = (
    "active", "description", "images", "marketing_features", "name", "package_dimensions",
    "shippable", "statement_descriptor", "tax_code", "unit_label", "url",
)  # fmt: skip

retrievable("product", PATH)
listable("product", PATH, "active")


def new(world, **values) -> dict:
    """A stored product; emits product.created."""
    if values.get("id") and world.store.get("product", values["id"]):
        raise StripeError.invalid("Product already exists.", "id", "resource_already_exists")
    product = world.make("product", id=values.get("id") or "")
    product["updated"] = product["created"]
    put_fields(product, values, *PLAIN)
    put_metadata(product, values)
    world.emit("product.created", product)
    return product


@route("POST", PATH)
def create(call: Call) -> dict:
    from sandbox.resources import prices

    product = new(call.world, **call.params.some(*PLAIN, "id", "metadata"))
    if data := call.params.get("default_price_data"):
        price = prices.new(call.world, data | {"product": product["id"]})
        with call.world.changing(product, "product.updated"):
            product["default_price"] = price["id"]
    return product


@route("POST", PATH + "/{id}")
def update(call: Call) -> dict:
    product = call.world.need("product", call.id, "product")
    with call.world.changing(product, "product.updated"):
        put_fields(product, call.params, *PLAIN, "default_price")
        put_metadata(product, call.params)
        product["updated"] = call.world.now()
    return product


@route("DELETE", PATH + "/{id}")
def delete(call: Call) -> dict:
    product = call.world.need("product", call.id, "product")
    if any(p["product"] == call.id for p in call.world.store.all("price")):
        raise StripeError.invalid("This product cannot be deleted because it has one or more user-created prices.")
    call.world.store.drop(product)
    call.world.emit("product.deleted", product)
    return {"id": product["id"], "object": "product", "deleted": True}


@route("GET", PATH + "/search")
def search(call: Call) -> dict:
    return search_page(call, call.world.store.all("product"))
