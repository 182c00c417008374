"""/v1/credit_notes"""

from sandbox.billing import refunds
from sandbox.errors import StripeError
from sandbox.lists import listable, page, retrievable
from sandbox.objects import blank, list_object, put_fields, put_metadata
from sandbox.routing import Call, route

PATH = "/v1/credit_notes"

retrievable("credit_note", PATH, "credit_note")
listable("credit_note", PATH, "customer", "invoice")


@route("POST", PATH)
def create(call: Call) -> dict:
    world, params = call.world, call.params
    invoice = world.need("invoice", params["invoice"], "invoice", "invoice")
    if invoice["status"] not in ("open", "paid"):
        raise StripeError.invalid("Credit notes are for open and paid invoices.", "invoice")
    lines = _lines(call)
    amount = sum(line["amount"] for line in lines) if lines else params.get("amount", 0)
    limit = (
        invoice["amount_remaining"] if invoice["status"] == "open" else invoice["amount_paid"] - invoice["post_payment_credit_notes_amount"]
    )
    if not 0 < amount <= limit:
        raise StripeError.invalid(f"The credit note's total ({amount}) must be between 1 and {limit}.", "amount")
    count = len(world.store.where("credit_note", "invoice", invoice["id"]))
    note = world.make(
        "credit_note", of=invoice, amount=amount, subtotal=amount, total=amount, currency=invoice["currency"],
        customer=invoice["customer"], invoice=invoice["id"], number=f"{invoice['number']}-CN-{count + 1:02d}",
        subtotal_excluding_tax=amount, total_excluding_tax=amount, total_taxes=[],
        pdf=f"{world.base_url}/pages/invoices/{invoice['id']}/pdf",
    )  # fmt: skip
    put_fields(note, params, "memo", "reason")
    put_metadata(note, params)
    note["effective_at"] = note["created"]
    note["lines"] = list_object(lines, f"{PATH}/{note['id']}/lines")
    _settle(call, note, invoice)
    world.emit("credit_note.created", note)
    return note


def _lines(call: Call) -> list[dict]:
    made = []
    for given in call.params.get("lines") or []:
        quantity = given.get("quantity", 1)
        unit = given.get("unit_amount")
        amount = given.get("amount", (unit or 0) * quantity)
        made.append(
            blank(
                "credit_note_line_item", id=call.world.ids.new("credit_note_line_item"), amount=amount,
                type=given["type"], description=given.get("description"), quantity=quantity, unit_amount=unit,
                unit_amount_decimal=None if unit is None else str(unit),
                invoice_line_item=given.get("invoice_line_item"), taxes=[],
            )
        )  # fmt: skip
    return made


def _settle(call: Call, note: dict, invoice: dict) -> None:
    """Before payment it lowers what is due; afterwards it is refunded, credited or out of band."""
    world, params, amount = call.world, call.params, note["amount"]
    if invoice["status"] == "open":
        note |= {"type": "pre_payment", "pre_payment_amount": amount}
        with world.changing(invoice, "invoice.updated"):
            invoice["pre_payment_credit_notes_amount"] += amount
            invoice["amount_remaining"] -= amount
            invoice["amount_due"] -= amount
        return
    note |= {"type": "post_payment", "post_payment_amount": amount}
    back = params.get("refund_amount", 0)
    if back:
        intent = world.store.get("payment_intent", invoice.get("_intent", ""))
        charge = world.the("charge", intent["latest_charge"]) if intent else None
        if charge is None:
            raise StripeError.invalid("There is no payment to refund.", "refund_amount")
        made = refunds.refund(world, charge, back)
        note["refunds"] = [{"amount_refunded": back, "payment_record_refund": None, "refund": made["id"], "type": "refund"}]
    with world.changing(invoice, "invoice.updated"):
        invoice["post_payment_credit_notes_amount"] += amount
    credit = params.get("credit_amount", 0)
    if credit:
        customer = world.the("customer", invoice["customer"])
        with world.changing(customer, "customer.updated"):
            customer["balance"] -= credit


@route("POST", PATH + "/{id}")
def update(call: Call) -> dict:
    note = call.world.need("credit_note", call.id, "credit_note")
    with call.world.changing(note, "credit_note.updated"):
        put_fields(note, call.params, "memo")
        put_metadata(note, call.params)
    return note


@route("POST", PATH + "/{id}/void")
def void(call: Call) -> dict:
    world = call.world
    note = world.need("credit_note", call.id, "credit_note")
    invoice = world.the("invoice", note["invoice"])
    if invoice["status"] != "open" or note["status"] == "void":
        raise StripeError.invalid("Only an issued credit note of an open invoice can be voided.")
    with world.changing(note, None):
        note |= {"status": "void", "voided_at": world.now(note)}
    with world.changing(invoice, "invoice.updated"):
        invoice["pre_payment_credit_notes_amount"] -= note["amount"]
        invoice["amount_remaining"] += note["amount"]
        invoice["amount_due"] += note["amount"]
    world.emit("credit_note.voided", note)
    return note


@route("GET", PATH + "/{id}/lines")
def lines(call: Call) -> dict:
    note = call.world.need("credit_note", call.id, "credit_note")
    return page(call, list(note["lines"]["data"]), newest_first=False)
