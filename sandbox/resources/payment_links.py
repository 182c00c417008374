"""/v1/payment_links: kept and told about; a link leads to no page here."""

from sandbox.expand import includable
from sandbox.lists import listable, retrievable
from sandbox.objects import blank, list_object, public, put_fields, put_metadata
from sandbox.resources import prices
from sandbox.routing import Call, route

PATH = "/v1/payment_links"

retrievable("payment_link", PATH)
listable("payment_link", PATH, "active")


@route("POST", PATH)
def create(call: Call) -> dict:
    world = call.world
    given = call.params["line_items"]
    lines = [(prices.of_line(world, entry, f"line_items[{i}]"), entry.get("quantity", 1)) for i, entry in enumerate(given)]
    link = world.make("payment_link", currency=lines[0][0]["currency"])
    link |= {"url": f"{world.base_url}/pages/links/{link['id']}", "_lines": [[price["id"], quantity] for price, quantity in lines]}
    put_metadata(link, call.params)
    world.emit("payment_link.created", link)
    return link


@route("POST", PATH + "/{id}")
def update(call: Call) -> dict:
    link = call.world.need("payment_link", call.id, "payment_link")
    with call.world.changing(link, "payment_link.updated"):
        put_fields(link, call.params, "active", "allow_promotion_codes", "submit_type")
        put_metadata(link, call.params)
    return link


@includable("payment_link", "line_items")
def line_items(world, link: dict) -> dict:
    rows = []
    for i, (id_, quantity) in enumerate(world.the("payment_link", link["id"])["_lines"]):
        price = world.the("price", id_)
        amount = (price["unit_amount"] or 0) * quantity
        named = world.the("product", price["product"])["name"]
        rows.append(
            blank("item", id=f"li_{link['id'][-12:]}{i}", currency=price["currency"], description=named, price=public(price),
                  quantity=quantity, amount_subtotal=amount, amount_total=amount, amount_discount=0, adjustable_quantity=None)
        )  # fmt: skip
    return list_object(rows, f"{PATH}/{link['id']}/line_items")
