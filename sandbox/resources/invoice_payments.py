"""/v1/invoice_payments: which PaymentIntent or charge pays which invoice."""

from sandbox.lists import matching, page, retrievable
from sandbox.routing import Call, route

PATH = "/v1/invoice_payments"

retrievable("invoice_payment", PATH)


@route("GET", PATH)
def index(call: Call) -> dict:
    rows = matching(call, call.world.store.all("invoice_payment"), "invoice", "status")
    wanted = call.params.get("payment")
    if wanted:
        rows = [p for p in rows if all(p["payment"].get(k) == v for k, v in wanted.items())]
    return page(call, rows)
