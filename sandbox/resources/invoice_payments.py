"""/v1/invoice_payments: which PaymentIntent or charge pays which invoice."""

from sandbox.lists import matching, page, retrievable
from sandbox.objects import plain
from sandbox.routing import Call, route

PATH = "/v1/invoice_payments"

retrievable("invoice_payment", PATH)


@route("GET", PATH)
def index(call: Call) -> dict:
    rows = matching(call, "invoice_payment", "invoice", "status")
    wanted = plain(call.params.get("payment") or {})
    rows = [p for p in rows if all(p["payment"].get(k) == v for k, v in wanted.items())]
    return page(call, rows)
