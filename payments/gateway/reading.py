"""Asking Stripe how something is now: plain dicts come out, None for what it does not have."""

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

from payments.domain import renewals
from payments.domain.dunning import OVERDUE
from payments.gateway.line import GatewayRefused, Object, ask, client

# What must be inside a Subscription for us to know what it gives: its newest invoice (is the running period paid?), the
# coupons that lower its price, the change of plan that waits, and the card that is charged next: its own or its Customer's.
PARTS = [
    "latest_invoice",
    "discounts.source.coupon",
    "schedule",
    "default_payment_method",
    "customer.invoice_settings.default_payment_method",
]

_memory: ContextVar[dict[tuple[str, str], Any] | None] = ContextVar("looked", default=None)


def _fetch(object_id: str, call: Callable[[], Any]) -> Object | None:
    """One object as a dict, or None when Stripe does not have it."""

    def fetch() -> Object | None:
        try:
            return ask(call).to_dict()
        except GatewayRefused as error:
            if error.code == "resource_missing":
                return None
            raise

    return _remembered(("object", object_id), fetch)


@contextmanager
def remembering() -> Generator[None]:
    """Within this, an object is fetched once however often it is asked for (a burst of events names few objects)."""
    token = _memory.set({})
    try:
        yield
    finally:
        _memory.reset(token)


def _remembered(about: tuple[str, str], call: Callable[[], Any]) -> Any:
    memory = _memory.get()
    if memory is None:
        return call()
    if about not in memory:
        memory[about] = call()
    return memory[about]


def pages(method: Callable[..., Any], params: dict[str, Any]) -> Iterator[Object]:
    """Every object of a list, page by page, each page paced."""
    asked = {"limit": 100, **params}
    while True:
        page = ask(partial(method, asked)).to_dict()
        yield from page["data"]
        if not page.get("has_more") or not page["data"]:
            return
        asked = {**asked, "starting_after": page["data"][-1]["id"]}


def fetch_subscription(subscription_id: str) -> Object | None:
    """With its PARTS; where it is overdue, or ended so, ``unpaid_since`` says since when (payments.domain.renewals), which
    Stripe does not."""
    found = _fetch(subscription_id, lambda: client().v1.subscriptions.retrieve(subscription_id, {"expand": PARTS}))
    return _with_debt(found, ended=True) if found is not None else None


def _with_debt(found: Object, *, ended: bool = False) -> Object:
    """``ended``: also of one that ended while its newest bill was unpaid."""
    invoice = found.get("latest_invoice")
    if not isinstance(invoice, dict) or invoice.get("billing_reason") in (None, "subscription_create"):
        return found
    if found["status"] not in OVERDUE and not (ended and found["status"] == "canceled" and invoice["status"] != "paid"):
        return found
    asked = {"subscription": found["id"], "limit": 12}  # a year of months; more is seldom needed
    since = _remembered(("unpaid since", found["id"]), lambda: renewals.unpaid_since(pages(client().v1.invoices.list, asked)))
    return {**found, "unpaid_since": since}


def fetch_schedule(schedule_id: str) -> Object | None:
    return _fetch(schedule_id, lambda: client().v1.subscription_schedules.retrieve(schedule_id))


def fetch_customer(customer_id: str) -> Object | None:
    """A deleted Customer comes back as ``{"id": ..., "deleted": True}``."""
    return _fetch(customer_id, lambda: client().v1.customers.retrieve(customer_id))


def fetch_checkout_session(session_id: str) -> Object | None:
    """With its PaymentIntent: a bank's late refusal is written there."""
    return _fetch(session_id, lambda: client().v1.checkout.sessions.retrieve(session_id, {"expand": ["payment_intent"]}))


def fetch_invoice(invoice_id: str) -> Object | None:
    return _fetch(invoice_id, lambda: client().v1.invoices.retrieve(invoice_id))


def fetch_charge(charge_id: str) -> Object | None:
    """With its balance transaction, where the fee is once it is known."""
    return _fetch(charge_id, lambda: client().v1.charges.retrieve(charge_id, {"expand": ["balance_transaction"]}))


def fetch_payment_intent(payment_intent_id: str) -> Object | None:
    return _fetch(payment_intent_id, lambda: client().v1.payment_intents.retrieve(payment_intent_id))


def fetch_payment_method(method_id: str) -> Object | None:
    return _fetch(method_id, lambda: client().v1.payment_methods.retrieve(method_id))


def fetch_setup_intent(setup_intent_id: str) -> Object | None:
    return _fetch(setup_intent_id, lambda: client().v1.setup_intents.retrieve(setup_intent_id))


def fetch_refund(refund_id: str) -> Object | None:
    return _fetch(refund_id, lambda: client().v1.refunds.retrieve(refund_id))


def fetch_dispute(dispute_id: str) -> Object | None:
    return _fetch(dispute_id, lambda: client().v1.disputes.retrieve(dispute_id))


def fetch_review(review_id: str) -> Object | None:
    return _fetch(review_id, lambda: client().v1.reviews.retrieve(review_id))


def fetch_early_fraud_warning(warning_id: str) -> Object | None:
    return _fetch(warning_id, lambda: client().v1.radar.early_fraud_warnings.retrieve(warning_id))


def fetch_refunds(charge_id: str) -> list[Object]:
    """Every refund of a charge, newest first, with balance transactions."""
    params = {"charge": charge_id, "expand": ["data.balance_transaction"]}
    return _remembered(("refunds", charge_id), lambda: list(pages(client().v1.refunds.list, params)))


def fetch_invoice_payments(*, invoice: str = "", payment_intent: str = "") -> list[Object]:
    """The payments of an invoice, or the one that a PaymentIntent made, with the invoice in it."""
    wanted: dict[str, Any] = {"invoice": invoice} if invoice else {"payment": {"type": "payment_intent", "payment_intent": payment_intent}}
    return list(pages(client().v1.invoice_payments.list, {**wanted, "expand": ["data.invoice"]}))


def list_prices(lookup_keys: list[str], *, active: bool = True) -> list[Object]:
    """Active Prices (or archived ones) with these lookup keys, their Products inside."""
    return list(pages(client().v1.prices.list, {"lookup_keys": lookup_keys, "active": active, "expand": ["data.product"]}))


def list_subscriptions(**params: Any) -> Iterator[Object]:
    """Every Subscription, the ended ones too, newest first, with their PARTS."""
    expand = [f"data.{part}" for part in PARTS]
    return map(_with_debt, pages(client().v1.subscriptions.list, {"status": "all", "expand": expand, **params}))


def preview_invoice(params: Any) -> Object:
    """What a change would cost: the invoice that it would make. It changes nothing, so it needs no key."""
    return ask(lambda: client().v1.invoices.create_preview(params)).to_dict()


def list_charges(**params: Any) -> Iterator[Object]:
    return pages(client().v1.charges.list, params)


def list_refunds(**params: Any) -> Iterator[Object]:
    return pages(client().v1.refunds.list, params)


def list_disputes(**params: Any) -> Iterator[Object]:
    """Disputes with their movements, newest first."""
    return pages(client().v1.disputes.list, params)


def list_invoice_payments(**params: Any) -> Iterator[Object]:
    """What paid which invoice, newest first, with the PaymentIntents (they know the Charge)."""
    return pages(client().v1.invoice_payments.list, {"expand": ["data.payment.payment_intent"], **params})


def list_balance_transactions(**params: Any) -> Iterator[Object]:
    """Every movement of Stripe's balance, newest first."""
    return pages(client().v1.balance_transactions.list, params)


def list_events(**params: Any) -> Iterator[Object]:
    """Events of the last 30 days (Stripe keeps no more), newest first."""
    return pages(client().v1.events.list, params)


def list_webhook_endpoints() -> list[Object]:
    return list(pages(client().v1.webhook_endpoints.list, {}))
