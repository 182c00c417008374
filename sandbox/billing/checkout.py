"""Checkout: what a session costs, and what its completion makes."""

from collections.abc import Iterator

from sandbox.billing import charging, debits, discounts, invoicing, methods, subscribing
from sandbox.billing.setup import set_up
from sandbox.clocks import Due, due_source
from sandbox.errors import StripeError
from sandbox.objects import blank

DAY = 86400


def line_items(world, session: dict) -> list[dict]:
    """The session's line items with each one's share of the discounts."""
    rows, drafts = [], []
    for entry in session["_lines"]:
        price = world.the("price", entry["price"])
        product = world.the("product", price["product"])
        amount = (price["unit_amount"] or 0) * entry["quantity"]
        drafts.append({"amount": amount, "discountable": True, "discount_amounts": []})
        rows.append(
            blank(
                "item",
                id=entry["id"],
                currency=price["currency"],
                description=product["name"],
                price=price,
                quantity=entry["quantity"],
                amount_subtotal=amount,
                adjustable_quantity=None,
                metadata=entry["metadata"],
            )
        )
    for coupon, _promotion in chosen_coupons(world, session):
        left = None if coupon["percent_off"] is not None else coupon["amount_off"]
        for draft in drafts:
            rest = draft["amount"] - sum(draft["discount_amounts"])
            off = discounts.amount_off(coupon, rest) if left is None else min(rest, left)
            left = left if left is None else left - off
            draft["discount_amounts"].append(off)
    for row, draft in zip(rows, drafts, strict=True):
        row["amount_discount"] = sum(draft["discount_amounts"])
        row["amount_total"] = row["amount_subtotal"] - row["amount_discount"]
    return rows


def chosen_coupons(world, session: dict) -> list[tuple[dict, dict | None]]:
    return [(world.the("coupon", c), world.store.get("promotion_code", p) if p else None) for c, p in session["_coupons"]]


def recount(world, session: dict) -> None:
    """Totals as the page shows them: what is due today, which a trial makes nothing."""
    rows = line_items(world, session)
    trial = trial_end(world, session) is not None
    if trial:
        rows = [r for r in rows if not r["price"]["recurring"]]
    session["amount_subtotal"] = sum(r["amount_subtotal"] for r in rows)
    session["amount_total"] = sum(r["amount_total"] for r in rows)
    off = session["amount_subtotal"] - session["amount_total"]
    session["total_details"] = {"amount_discount": off, "amount_shipping": 0, "amount_tax": 0}
    session["discounts"] = [
        {"coupon": c["id"] if not p else None, "promotion_code": p["id"] if p else None} for c, p in chosen_coupons(world, session)
    ]


def trial_end(world, session: dict) -> int | None:
    data = session["_data"]
    if data.get("trial_period_days"):
        return world.now(session) + data["trial_period_days"] * DAY
    return data.get("trial_end")


def apply_code(world, session: dict, code: str) -> None:
    """A promotion code typed on the page. Raises StripeError with Checkout's words."""
    promotion = discounts.by_code(world, code)
    if promotion is None:
        raise StripeError.invalid("This code is invalid.", "promotion_code")
    coupon = world.the("coupon", promotion["promotion"]["coupon"])
    discounts.check_coupon(world, coupon, "promotion_code")
    customer = world.the("customer", session["customer"]) if session["customer"] else None
    discounts.check_promotion(world, promotion, "promotion_code", customer=customer, amount=session["amount_subtotal"])
    session["_coupons"] = [[coupon["id"], promotion["id"]]]
    recount(world, session)
    world.store.put(session)


def complete(world, session: dict, method: dict | None, *, email: str, name: str | None, authenticated: bool = False) -> str:
    """Pay and finish; `complete` or `requires_action`. Raises StripeError on a decline."""
    if session["status"] != "open":
        raise StripeError.invalid(f"This Checkout Session is {session['status']}.")
    if session["customer"]:  # who was deleted meanwhile pays nothing
        world.need("customer", session["customer"], "customer", "customer")
    person = {"email": email, "name": name}
    finish = {"payment": _payment, "subscription": _subscription, "setup": _setup}[session["mode"]]
    status = finish(world, session, method, person, authenticated)
    if status == "requires_action":
        return status
    address = (method or {}).get("billing_details", {}).get("address") or methods.billing_details(None)["address"]
    with world.changing(session, None):
        session |= {
            "status": "complete",
            "url": None,
            "payment_status": status,
            "customer_details": {
                "address": address | {"country": address["country"] or "US"},
                "business_name": None,
                "email": email,
                "individual_name": None,
                "name": name,
                "phone": None,
                "tax_exempt": "none",
                "tax_ids": [],
            },
        }
    world.emit("checkout.session.completed", session)
    return "complete"


def _customer(world, session: dict, person: dict) -> dict:
    """The session's customer, created now if none was given."""
    from sandbox.resources import customers

    if session["customer"]:
        customer = world.the("customer", session["customer"])
        if customer["email"] is None:
            with world.changing(customer, "customer.updated"):
                customer |= {"email": person["email"], "name": customer["name"] or person["name"]}
        return customer
    customer = customers.new(world, **person)
    session["customer"] = customer["id"]
    return customer


def _attempt(world, session: dict, method: dict, amount: int, authenticated: bool, *, keep: bool, customer: str | None) -> dict:
    """Charge for the session with its one PaymentIntent, reused over declines."""
    data = session["_data"]
    intent = world.store.get("payment_intent", session.get("_intent", ""))
    if intent is None:
        intent = charging.create_intent(
            world, of=session, amount=amount, currency=session["currency"], customer=customer,
            description=data.get("description"), metadata=dict(data.get("metadata") or {}),
            receipt_email=data.get("receipt_email"), capture_method=data.get("capture_method", "automatic_async"),
            statement_descriptor=data.get("statement_descriptor"),
            setup_future_usage=data.get("setup_future_usage") or ("off_session" if keep else None),
            payment_method_types=list(session["payment_method_types"]), shipping=_shipping(data),
        )  # fmt: skip
        session["_intent"] = intent["id"]
    intent |= {"amount": amount, "customer": customer}
    intent["_return_url"] = session["success_url"]
    return intent


def _shipping(data: dict) -> dict | None:
    given = data.get("shipping")
    return {"carrier": None, "phone": None, "tracking_number": None} | given if given else None


def _payment(world, session: dict, method: dict | None, person: dict, authenticated: bool) -> str:
    keep = bool(session["_data"].get("setup_future_usage"))
    wants = session["customer"] or session["customer_creation"] == "always" or keep
    customer = _customer(world, session, person) if wants else None
    if session["amount_total"] == 0:
        _redeem(world, session, customer)
        return "no_payment_required"
    assert method is not None
    if customer and keep:
        methods.attach(world, method, customer)
    intent = _attempt(
        world, session, method, session["amount_total"], authenticated, keep=keep,
        customer=customer["id"] if customer else None,
    )  # fmt: skip
    session["payment_intent"] = intent["id"]
    status = charging.confirm(world, intent, method, authenticated=authenticated)
    if status == "requires_action":
        return status
    _redeem(world, session, customer)
    return "unpaid" if status == "processing" else "paid"


def _redeem(world, session: dict, customer: dict | None) -> None:
    for coupon, promotion in chosen_coupons(world, session):
        discounts.redeem(world, coupon, promotion, customer=customer, checkout_session=session["id"])


def _subscription(world, session: dict, method: dict | None, person: dict, authenticated: bool) -> str:
    """The subscription comes into being only when its first payment went through."""
    rows = line_items(world, session)
    due = session["amount_total"]
    intent = None
    if due and method is not None:
        # Declines and 3-D Secure happen before there is a customer or a subscription.
        probe = _attempt(world, session, method, due, authenticated, keep=True, customer=session["customer"])
        refusal = charging.obstacle(world, probe, method, authenticated=authenticated)
        if refusal == "requires_action":
            return refusal
        intent = probe
    customer = _customer(world, session, person)
    if method:
        methods.attach(world, method, customer)
    data = session["_data"]
    subscription = subscribing.create(
        world,
        customer,
        [(r["price"], r["quantity"], {}) for r in rows if r["price"]["recurring"]],
        trial_end=trial_end(world, session),
        coupons=chosen_coupons(world, session),
        metadata=dict(data.get("metadata") or {}),
        description=data.get("description"),
        default_payment_method=method["id"] if method else None,
    )
    if data.get("trial_settings"):
        subscription["trial_settings"] = data["trial_settings"]
    extra = [_once(world, session, r, customer) for r in rows if not r["price"]["recurring"]]
    if not due and method:
        set_up(world, customer, method, authenticated=True)
    invoice = subscribing.first_invoice(world, subscription, extra, intent=intent)
    outcome = invoicing.pay(world, invoice, method, authenticated=authenticated) if invoice["status"] == "open" else "paid"
    if subscription["status"] == "incomplete":
        subscription["status"] = "active"
    session |= {"subscription": subscription["id"], "invoice": invoice["id"]}
    subscribing.announce(world, subscription)
    if outcome == "processing":
        return "unpaid"
    return "paid" if due else "no_payment_required"


def _once(world, session: dict, row: dict, customer: dict) -> dict:
    """A one-off price beside the recurring ones: a line on the first invoice."""
    from sandbox.billing import proration

    now = world.now(customer)
    item = proration.invoice_item(
        world, customer, None, amount=row["amount_subtotal"], currency=row["currency"],
        description=row["description"], period={"start": now, "end": now}, quantity=row["quantity"],
        quantity_decimal=str(row["quantity"]), invoice="_billed", discounts=[],
        pricing={"type": "price_details", "unit_amount_decimal": row["price"]["unit_amount_decimal"],
                 "price_details": {"price": row["price"]["id"], "product": row["price"]["product"]}},
    )  # fmt: skip
    return proration.line_of(world, item)


def _setup(world, session: dict, method: dict | None, person: dict, authenticated: bool) -> str:
    assert method is not None
    customer = _customer(world, session, person) if session["customer"] or session["customer_creation"] == "always" else None
    intent = set_up(world, customer, method, authenticated=True, metadata=dict(session["_data"].get("metadata") or {}))
    session["setup_intent"] = intent["id"]
    return "no_payment_required"


def expire(world, session: dict) -> dict:
    if session["status"] != "open":
        raise StripeError.invalid(
            f'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status of {session["status"]}.'
        )
    with world.changing(session, None):
        session |= {"status": "expired", "url": None}
    world.emit("checkout.session.expired", session)
    return session


@due_source("checkout.session")
def of_session(world, s: dict) -> Iterator[Due]:
    if s["status"] == "open":
        yield s["expires_at"], s["id"], lambda: expire(world, s)


@due_source("charge")
def of_pending_debit(world, c: dict) -> Iterator[Due]:
    if "_clears_at" in c:
        yield c["_clears_at"], c["id"], lambda: cleared(world, c)


def cleared(world, charge: dict) -> None:
    """A bank debit came or bounced; its Checkout Session hears of it."""
    came = debits.clear(world, charge)
    sessions = world.store.where("checkout.session", "payment_intent", charge["payment_intent"])
    invoice = world.store.get("invoice", world.the("payment_intent", charge["payment_intent"]).get("_invoice", ""))
    if invoice and invoice["status"] == "open":
        invoicing.debited(world, invoice, came)
        sessions += [s for s in world.store.where("checkout.session", "invoice", invoice["id"]) if s["payment_status"] == "unpaid"]
    for session in sessions:
        with world.changing(session, None):
            session["payment_status"] = "paid" if came else "unpaid"
        word = "succeeded" if came else "failed"
        world.emit(f"checkout.session.async_payment_{word}", session)
