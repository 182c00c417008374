"""The one module that imports stripe: plain dicts come out, two kinds of trouble are raised, every write is keyed.

All reads are made with the API version that the SDK is pinned to, whatever version an event was written in.
"""

import random
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

import stripe
import structlog
from flask import Flask, current_app, has_request_context

from payments.domain import signatures
from payments.domain.signatures import Refusal
from payments.pacing import Bucket

API_VERSION = "2026-10-28.endive"  # the one that the suite passed with; a new SDK is taken up on purpose
PATIENCE = 30.0  # seconds that a job waits out Stripe's rate limit
TIMEOUT, WEB_TIMEOUT = (3, 20), (1.5, 2.5)  # connect, read. In a page: two tries and a clear answer within 6 seconds

log = structlog.get_logger("payments.gateway")
_bucket = Bucket(20, 20)
_memory: ContextVar[dict[tuple[str, str], Any] | None] = ContextVar("looked", default=None)

Object = dict[str, Any]


class GatewayUnavailable(Exception):
    """Stripe did not answer, or not now. What was asked may have happened: ask again with the same key."""


class GatewayRefused(Exception):
    """Stripe understood and said no. ``code`` is Stripe's (``resource_missing``, ``card_declined`` ...) or ""."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


def init_app(app: Flask) -> None:
    """Refuse to start with an SDK that speaks a version nobody tested."""
    if stripe.api_version != API_VERSION:
        raise SystemExit(f"stripe-python speaks {stripe.api_version}; this release is tested with {API_VERSION}. Install requirements.txt.")


def client() -> stripe.StripeClient:
    """The client for this process; a request's gives up sooner than a job's."""
    name = "stripe_client_web" if has_request_context() else "stripe_client"
    if name not in current_app.extensions:
        config = current_app.config
        current_app.extensions[name] = stripe.StripeClient(
            config["STRIPE_SECRET_KEY"],
            stripe_account=config["STRIPE_ACCOUNT"] or None,
            stripe_version=API_VERSION,
            base_addresses={"api": config["STRIPE_API_BASE"]} if config["STRIPE_API_BASE"] else None,
            max_network_retries=1 if has_request_context() else 2,
            http_client=stripe.RequestsClient(timeout=WEB_TIMEOUT if has_request_context() else TIMEOUT),
        )
    return current_app.extensions[name]


def forget_client() -> None:
    """Make clients anew at their next use (settings changed, or a test moved Stripe's address)."""
    for name in ("stripe_client", "stripe_client_web"):
        current_app.extensions.pop(name, None)


def live() -> bool:
    """Is our key a live one? Events of the other mode are not ours."""
    return "_live_" in current_app.config["STRIPE_SECRET_KEY"]


# --- asking -----------------------------------------------------------------------------------------------------------


def _ask(call: Callable[[], Any]) -> Any:
    """Run one SDK call: paced, patient with 429 (the SDK is not), its exceptions turned into our two."""
    until = time.monotonic() + (1.0 if has_request_context() else PATIENCE)
    pause = 0.25
    while True:
        _bucket.take()
        try:
            return call()
        except stripe.RateLimitError as error:
            if time.monotonic() + pause > until:
                raise GatewayUnavailable("Stripe asks us to slow down") from error
            time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, not a secret
            pause = min(pause * 2, 8)
        except stripe.StripeError as error:
            raise _trouble(error) from error


def _trouble(error: stripe.StripeError) -> Exception:
    if isinstance(error, stripe.AuthenticationError | stripe.PermissionError):
        # Nothing is wrong with what we asked: an operator must mend the key, and then the same will work.
        log.error("stripe refuses our key", error=error.user_message)
        return GatewayUnavailable("Stripe refuses our key")
    status = error.http_status or 0
    if isinstance(error, stripe.APIConnectionError) or status >= 500 or status == 409 or not status:
        return GatewayUnavailable(f"{type(error).__name__} {status}".strip())
    return GatewayRefused(str(error.user_message or error), error.code or "")


def _fetch(object_id: str, call: Callable[[], Any]) -> Object | None:
    """One object as a dict, or None when Stripe does not have it."""

    def fetch() -> Object | None:
        try:
            return _ask(call).to_dict()
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


def _pages(method: Callable[..., Any], params: dict[str, Any]) -> Iterator[Object]:
    """Every object of a list, page by page, each page paced."""
    asked = {"limit": 100, **params}
    while True:
        page = _ask(partial(method, asked)).to_dict()
        yield from page["data"]
        if not page.get("has_more") or not page["data"]:
            return
        asked = {**asked, "starting_after": page["data"][-1]["id"]}


def fetch_subscription(subscription_id: str) -> Object | None:
    """With its newest invoice: whether the running period is paid is written there."""
    return _fetch(subscription_id, lambda: client().v1.subscriptions.retrieve(subscription_id, {"expand": ["latest_invoice"]}))


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


def fetch_refund(refund_id: str) -> Object | None:
    return _fetch(refund_id, lambda: client().v1.refunds.retrieve(refund_id))


def fetch_dispute(dispute_id: str) -> Object | None:
    return _fetch(dispute_id, lambda: client().v1.disputes.retrieve(dispute_id))


def fetch_refunds(charge_id: str) -> list[Object]:
    """Every refund of a charge, newest first, with balance transactions."""
    params = {"charge": charge_id, "expand": ["data.balance_transaction"]}
    return _remembered(("refunds", charge_id), lambda: list(_pages(client().v1.refunds.list, params)))


def fetch_invoice_payments(*, invoice: str = "", payment_intent: str = "") -> list[Object]:
    """The payments of an invoice, or the one that a PaymentIntent made, with the invoice in it."""
    wanted: dict[str, Any] = {"invoice": invoice} if invoice else {"payment": {"type": "payment_intent", "payment_intent": payment_intent}}
    return list(_pages(client().v1.invoice_payments.list, {**wanted, "expand": ["data.invoice"]}))


def list_prices(lookup_keys: list[str]) -> list[Object]:
    """Active Prices with these lookup keys, their Products inside."""
    return list(_pages(client().v1.prices.list, {"lookup_keys": lookup_keys, "active": True, "expand": ["data.product"]}))


def list_subscriptions(**params: Any) -> Iterator[Object]:
    """Every Subscription, the ended ones too, newest first, with newest invoices."""
    return _pages(client().v1.subscriptions.list, {"status": "all", "expand": ["data.latest_invoice"], **params})


def list_charges(**params: Any) -> Iterator[Object]:
    return _pages(client().v1.charges.list, params)


def list_refunds(**params: Any) -> Iterator[Object]:
    return _pages(client().v1.refunds.list, params)


def list_events(**params: Any) -> Iterator[Object]:
    """Events of the last 30 days (Stripe keeps no more), newest first."""
    return _pages(client().v1.events.list, params)


# --- changing: the key of each is the caller's, persisted before the call ---------------------------------------------


def create_customer(params: Any, idempotency_key: str) -> Object:
    return _ask(lambda: client().v1.customers.create(params, {"idempotency_key": idempotency_key})).to_dict()


def create_checkout_session(params: Any, idempotency_key: str) -> Object:
    return _ask(lambda: client().v1.checkout.sessions.create(params, {"idempotency_key": idempotency_key})).to_dict()


def expire_checkout_session(session_id: str) -> Object:
    """Refused by Stripe when the session is complete or expired already."""
    return _ask(lambda: client().v1.checkout.sessions.expire(session_id)).to_dict()


def create_portal_session(customer_id: str, return_url: str) -> Object:
    return _ask(lambda: client().v1.billing_portal.sessions.create({"customer": customer_id, "return_url": return_url})).to_dict()


def update_subscription(subscription_id: str, params: Any) -> Object:
    """Sets what is given; setting the same twice is harmless, so it needs no key."""
    return _ask(lambda: client().v1.subscriptions.update(subscription_id, params)).to_dict()


def cancel_subscription(subscription_id: str) -> Object:
    """End it now."""
    return _ask(lambda: client().v1.subscriptions.cancel(subscription_id)).to_dict()


def create_refund(params: Any, idempotency_key: str) -> Object:
    """Give a charge back, in part or whole."""
    return _ask(lambda: client().v1.refunds.create(params, {"idempotency_key": idempotency_key})).to_dict()


def create_product(params: Any, idempotency_key: str) -> Object:
    return _ask(lambda: client().v1.products.create(params, {"idempotency_key": idempotency_key})).to_dict()


def create_price(params: Any, idempotency_key: str) -> Object:
    return _ask(lambda: client().v1.prices.create(params, {"idempotency_key": idempotency_key})).to_dict()


def list_webhook_endpoints() -> list[Object]:
    return list(_pages(client().v1.webhook_endpoints.list, {}))


def create_webhook_endpoint(url: str, types: list[str]) -> Object:
    """Pinned to our version. The answer holds the signing ``secret``, this once."""
    params: Any = {"url": url, "enabled_events": types, "api_version": API_VERSION, "description": "Wellspring"}
    return _ask(lambda: client().v1.webhook_endpoints.create(params)).to_dict()


def update_webhook_endpoint(endpoint_id: str, types: list[str]) -> Object:
    params: Any = {"enabled_events": types, "disabled": False}
    return _ask(lambda: client().v1.webhook_endpoints.update(endpoint_id, params)).to_dict()


# --- being told -------------------------------------------------------------------------------------------------------


def verified(body: bytes, header: str | None, secrets: list[str], now: float) -> Object:
    """The event in a signed body. Raises Refusal, never anything else, for whatever a stranger may send.

    Any one of ``secrets`` will do (they rotate). ``now`` in seconds since 1970.
    """
    if len(body) > signatures.LARGEST:
        raise Refusal("too-large", 413)
    stamp = signatures.signed_at(header)
    signatures.check_age(stamp, now)
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refusal("not-utf8") from error
    if not any(_signed(text, header, secret) for secret in secrets):
        raise Refusal("wrong-signature")
    return signatures.parse(text)


def _signed(text: str, header: str | None, secret: str) -> bool:
    try:
        return stripe.WebhookSignature.verify_header(text, header, secret, tolerance=None)
    except stripe.SignatureVerificationError:
        return False
