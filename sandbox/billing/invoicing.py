"""Invoices: lines, totals, draft, finalize, pay, fail, void."""

from sandbox.billing import charging, discounts, methods, standing
from sandbox.errors import StripeError
from sandbox.objects import blank, list_object

HOUR = 3600


def build(world, customer: dict, lines: list[dict], *, subscription: dict | None = None, **values) -> dict:
    """An invoice with its totals, not stored yet."""
    now = world.now(customer)
    currency = lines[0]["currency"] if lines else values.pop("currency", None) or "usd"
    values.pop("currency", None)
    invoice = blank("invoice", created=now, customer=customer["id"], currency=currency)
    invoice |= {
        "customer_email": customer["email"],
        "customer_name": customer["name"],
        "customer_phone": customer["phone"],
        "customer_address": customer["address"],
        "customer_shipping": customer["shipping"],
        "test_clock": customer["test_clock"],
        "period_start": now,
        "period_end": now,
        "starting_balance": customer["balance"],
        "customer_tax_ids": [],
    }
    if subscription:
        invoice["parent"] = {
            "type": "subscription_details",
            "quote_details": None,
            "subscription_details": {
                "subscription": subscription["id"],
                "metadata": dict(subscription["metadata"]),
            },
        }
        invoice["collection_method"] = subscription["collection_method"]
    invoice |= values
    invoice["id"] = world.ids.new("invoice")
    invoice["lines"] = list_object(lines, f"/v1/invoices/{invoice['id']}/lines")
    for entry in lines:
        entry["invoice"] = invoice["id"]
    recount(world, invoice)
    return invoice


def recount(world, invoice: dict) -> None:
    """Totals from the lines, the discounts and the customer's balance."""
    lines = invoice["lines"]["data"]
    for entry in lines:
        entry["discount_amounts"] = []
    reductions = discounts.live(world, invoice["discounts"], invoice["created"])
    invoice["total_discount_amounts"] = discounts.apply(world, lines, reductions)
    invoice["subtotal"] = invoice["subtotal_excluding_tax"] = sum(e["amount"] for e in lines)
    off = sum(t["amount"] for t in invoice["total_discount_amounts"])
    total = invoice["subtotal"] - off
    invoice["total"] = invoice["total_excluding_tax"] = total
    invoice["amount_due"] = max(0, total + invoice["starting_balance"])
    invoice["amount_remaining"] = invoice["amount_due"] - invoice["amount_paid"]


def draft(world, customer: dict, lines: list[dict], **values) -> dict:
    """A stored draft; emits invoice.created."""
    invoice = world.store.put(build(world, customer, lines, **values))
    world.emit("invoice.created", invoice)
    return invoice


def subscription_of(world, invoice: dict) -> dict | None:
    details = (invoice["parent"] or {}).get("subscription_details")
    return world.the("subscription", details["subscription"]) if details else None


def finalize(world, invoice: dict, intent: dict | None = None) -> dict:
    """Open the invoice, with the PaymentIntent it asks to be paid by; nothing due is paid at once."""
    if invoice["status"] != "draft":
        raise StripeError.invalid(
            "This invoice is already finalized, you can't re-finalize a non-draft invoice.",
            code="invoice_not_editable",
        )
    customer = world.the("customer", invoice["customer"])
    with world.changing(invoice, None):
        invoice["starting_balance"] = customer["balance"]
        recount(world, invoice)
        _use_balance(world, invoice, customer)
        now = world.now(invoice)
        sequence = customer["next_invoice_sequence"]
        customer["next_invoice_sequence"] = sequence + 1
        invoice |= {
            "status": "open",
            "number": f"{customer['invoice_prefix']}-{sequence:04d}",
            "effective_at": now,
            "automatically_finalizes_at": None,
            "hosted_invoice_url": f"{world.base_url}/pages/invoices/{invoice['id']}",
            "invoice_pdf": f"{world.base_url}/pages/invoices/{invoice['id']}/pdf",
        }
        invoice["status_transitions"]["finalized_at"] = now
        if invoice["collection_method"] == "send_invoice":
            invoice["due_date"] = invoice["due_date"] or now + 30 * 86400
    world.emit("invoice.finalized", invoice)
    if invoice["amount_due"] == 0:
        mark_paid(world, invoice, None)
    else:
        _open_payment(world, invoice, intent)
    return invoice


def _use_balance(world, invoice: dict, customer: dict) -> None:
    """The customer's balance pays first; what a negative total leaves is credited to it."""
    after = customer["balance"] + invoice["total"]
    ending = min(0, after)
    invoice["ending_balance"] = ending
    if ending != customer["balance"]:
        with world.changing(customer, "customer.updated"):
            customer["balance"] = ending


def _open_payment(world, invoice: dict, intent: dict | None) -> None:
    """The PaymentIntent and InvoicePayment of an open invoice; Checkout brings its own intent."""
    subscription = subscription_of(world, invoice)
    words = {"subscription_create": "Subscription creation", "subscription_cycle": "Subscription update"}
    description = words.get(invoice["billing_reason"], f"Payment for Invoice {invoice['number']}")
    if intent is None:
        intent = charging.create_intent(
            world,
            of=invoice,
            amount=invoice["amount_due"],
            currency=invoice["currency"],
            customer=invoice["customer"],
            description=description,
            setup_future_usage="off_session" if subscription else None,
        )
    else:
        intent |= {"amount": invoice["amount_due"], "customer": invoice["customer"], "description": description}
        world.store.put(intent)
    invoice["_intent"] = intent["id"]
    intent["_invoice"] = invoice["id"]
    world.make(
        "invoice_payment",
        of=invoice,
        amount_requested=invoice["amount_due"],
        currency=invoice["currency"],
        invoice=invoice["id"],
        is_default=True,
        payment={"type": "payment_intent", "payment_intent": intent["id"]},
        status="open",
    )


def payments_of(world, invoice: dict) -> list[dict]:
    return world.store.where("invoice_payment", "invoice", invoice["id"])


def intent_of(world, invoice: dict) -> dict | None:
    return world.store.get("payment_intent", invoice.get("_intent", ""))


def pay(world, invoice: dict, method: dict | None, *, authenticated: bool = False, automatic: bool = False) -> str:
    """Charge an open invoice; `paid`, `requires_action` or `processing`. `automatic`: the calendar tries, and not a person.

    Raises StripeError on a decline, after the failure is recorded everywhere; and before anything when it cannot be paid.
    """
    must_be_payable(invoice)
    intent = intent_of(world, invoice)
    assert intent is not None
    charging.must_be_payable(intent)
    try:
        if method is None:
            raise StripeError(
                "There is no `default_payment_method` set on this Customer or Invoice. Please set "
                "either field prior to attempting payment.",
                code="resource_missing",
            )
        status = charging.confirm(world, intent, method, authenticated=authenticated)
    except StripeError:
        standing.payment_failed(world, invoice, automatic=automatic)
        raise
    if status == "succeeded":
        mark_paid(world, invoice, intent, automatic=automatic)
        return "paid"
    if status == "requires_action":
        world.emit("invoice.payment_action_required", invoice)
        standing.payment_failed(world, invoice, automatic=automatic)
    if status == "processing":  # the bank answers later; until then nobody tries again
        with world.changing(invoice, None):
            invoice |= {"next_payment_attempt": None, "_automatic": automatic}
    return status


def must_be_payable(invoice: dict) -> None:
    """Raises StripeError for a draft, and for what was paid or voided."""
    if invoice["status"] not in ("open", "uncollectible"):
        raise StripeError.invalid(f"This invoice can no longer be paid: it is {invoice['status']}.")


def debited(world, invoice: dict, came: bool) -> None:
    """What became of a bank debit that was processing."""
    automatic = bool(invoice.pop("_automatic", False))
    if came:
        mark_paid(world, invoice, intent_of(world, invoice), automatic=automatic)
    else:
        standing.payment_failed(world, invoice, automatic=automatic, bounced=True)


def mark_paid(world, invoice: dict, intent: dict | None, *, off_stripe: bool = False, automatic: bool = False) -> None:
    """The money (or nothing) is in: invoice, its payment, and the subscription follow."""
    now = world.now(invoice)
    with world.changing(invoice, "invoice.updated" if intent else None):
        invoice |= {
            "status": "paid",
            "attempted": True,
            "attempt_count": invoice["attempt_count"] + (1 if intent and standing.counts(invoice, automatic) else 0),
            "amount_paid": invoice["amount_due"] if not off_stripe else 0,
            "amount_remaining": 0,
            "next_payment_attempt": None,
            "auto_advance": False,
        }
        if off_stripe:
            invoice["amount_paid_off_stripe"] = invoice["amount_due"]
        invoice["status_transitions"]["paid_at"] = now
    if off_stripe:
        _stop_asking(world, invoice, "automatic")
    for payment in payments_of(world, invoice):
        if payment["status"] == "open" and intent:
            with world.changing(payment, None):
                payment |= {"status": "paid", "amount_paid": payment["amount_requested"]}
                payment["status_transitions"]["paid_at"] = now
            world.emit("invoice_payment.paid", payment)
    world.emit("invoice.paid", invoice)
    world.emit("invoice.payment_succeeded", invoice)
    standing.payment_succeeded(world, invoice)


def void(world, invoice: dict, *, event: str = "invoice.voided", status: str = "void") -> dict:
    """Close an open invoice without money: voided or marked uncollectible."""
    if invoice["status"] not in ("open", "uncollectible"):
        raise StripeError.invalid(f"You can only pass in open invoices. This invoice is {invoice['status']}.")
    moment = {"void": "voided_at", "uncollectible": "marked_uncollectible_at"}[status]
    with world.changing(invoice, "invoice.updated"):
        invoice |= {"status": status, "next_payment_attempt": None, "auto_advance": False}
        invoice["status_transitions"][moment] = world.now(invoice)
    if status == "void":
        _stop_asking(world, invoice, "void_invoice")
    world.emit(event, invoice)
    return invoice


def _stop_asking(world, invoice: dict, why: str) -> None:
    """The invoice's PaymentIntent takes no money any more."""
    intent = intent_of(world, invoice)
    if intent and intent["status"] in charging.PAYABLE:
        charging.cancel(world, intent, why)
    for payment in payments_of(world, invoice):
        if payment["status"] == "open":
            with world.changing(payment, None):
                payment["status"] = "canceled"
                payment["status_transitions"]["canceled_at"] = world.now(invoice)


def collect(world, invoice: dict, *, automatic: bool = False) -> None:
    """Finalize if need be and charge the default payment method, keeping a decline to itself."""
    if invoice["status"] == "draft":
        finalize(world, invoice)
    if invoice["status"] != "open" or invoice["collection_method"] != "charge_automatically":
        return
    customer = world.the("customer", invoice["customer"])
    method = methods.default_for(world, customer, subscription_of(world, invoice), invoice)
    try:
        pay(world, invoice, method, automatic=automatic)
    except StripeError:
        return  # recorded by pay: events, past_due, next attempt
