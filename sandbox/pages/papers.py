"""Hosted invoices (with a Pay form), receipts, and the sandbox's own first page."""

from flask import redirect, render_template, request

from sandbox.billing import invoicing
from sandbox.errors import StripeError
from sandbox.pages import blueprint, the_world
from sandbox.pages.cardform import CardForm, method_of


@blueprint.get("/invoices/<invoice_id>")
@blueprint.get("/invoices/<invoice_id>/pdf", endpoint="invoice_pdf")
def invoice_page(invoice_id: str):
    world = the_world()
    with world.lock:
        invoice = world.need("invoice", invoice_id)
        return render_template("invoice.html", invoice=invoice, typed=CardForm(), error=None)


@blueprint.post("/invoices/<invoice_id>")
def invoice_pay(invoice_id: str):
    """Pay an open invoice with a card, as the page does that Stripe's dunning mails link to."""
    world, form = the_world(), request.form
    typed = CardForm(form.get("card_number", ""), form.get("expiry", ""), form.get("cvc", ""), form.get("name", ""))
    with world.lock:
        invoice = world.need("invoice", invoice_id)
        try:
            if invoice["status"] != "open":
                raise StripeError.invalid(f"This invoice is {invoice['status']}.")
            method = method_of(world, typed, of=invoice, email=invoice["customer_email"])
            if invoicing.pay(world, invoice, method) == "requires_action":
                return redirect(f"{world.base_url}/pages/authenticate/{invoice['_intent']}", 303)
        except StripeError as error:
            return render_template("invoice.html", invoice=invoice, typed=typed, error=error), 402
        return redirect(f"{world.base_url}/pages/invoices/{invoice_id}", 303)


@blueprint.get("/")
def overview():
    """What happened last, for people who look at the sandbox itself."""
    world = the_world()
    with world.lock:
        events = list(world.store.all("event"))[::-1][:50]
        waiting = sum(1 for _ in world.store.all("_delivery"))
        return render_template("overview.html", events=events, waiting=waiting, now=world.now())


@blueprint.get("/receipts/<charge_id>")
def receipt_page(charge_id: str):
    world = the_world()
    with world.lock:
        return render_template("receipt.html", charge=world.need("charge", charge_id))
