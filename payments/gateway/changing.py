"""Asking Stripe to change something. Each call is a row, committed with its idempotency key, before it is made.

To add one: a function of two lines. ``change`` takes the SDK's own path as its kind (``subscriptions.pause`` is
``client().v1.subscriptions.pause``), the id of the object that it acts on (``subject``; "" where something is made) and
the parameters. What makes something (money most of all) is given a key of the caller's, from a row of the caller's that
is committed: asked again with it, it is one. What only sets something needs none: it gets the row's.

What is a reader's bears this site's name (sites.py). Products, Prices and coupons do not: sites that share an account share
them, by their lookup keys and ids.
"""

from typing import Any

from payments import calls, sites
from payments.calls import Asked, KeyReused
from payments.gateway.line import API_VERSION, GatewayRefused, GatewayUnavailable, NotAsked, Object, ask, client
from payments.gateway.proving import CannotTell, happened, present
from payments.gateway.reading import PARTS

MOST_MADE = 100  # times that one thing is made within the days for which its calls are kept


def change(kind: str, params: Any = None, *, subject: str = "", key: str = "") -> Object:
    """Ask, once: the same ``key`` again is the same wish, and finds what became of it.

    No transaction may be open: one that only read is ended, one that wrote is a mistake (kit.database.WroteAlready).
    Raises GatewayUnavailable (it may have happened; the job ``payments.resolve_calls`` finds out), GatewayRefused.
    """
    try:
        asked = calls.begin(kind, params or {}, subject=subject, key=key)
    except KeyReused as error:
        raise GatewayRefused(str(error), "idempotency_error") from error
    if asked.object_id:
        return present(asked) or {"id": asked.object_id, "deleted": True}
    if asked.state == "done":
        raise GatewayRefused(f"{asked.key} was settled by hand", "settled")
    if asked.state == "given_up":
        raise GatewayUnavailable(f"nobody knows what became of {asked.key}: staff decides")
    return proven(asked) if asked.too_old else again(asked)


def make(kind: str, params: Any, key: str) -> Object:
    """Ask for what staff can delete or archive at Stripe: what is gone by now is made anew, under the key's next number.

    Raises as ``change`` does.
    """
    for number in range(MOST_MADE):
        made = change(kind, params, key=f"{key}-{number}" if number else key)
        if not made.get("deleted") and made.get("active") is not False:
            return made
    raise GatewayRefused(f"{key} was made {MOST_MADE} times and is gone each time", "settled")


def again(asked: Asked) -> Object:
    """Make this call, with the key and the parameters that its row has, and write down what came of it."""
    try:
        answer = ask(lambda: _method(asked)(*asked.arguments, {"idempotency_key": _key(asked)})).to_dict()
    except NotAsked:
        calls.not_asked(asked)
        raise
    except GatewayUnavailable:
        calls.unanswered(asked)
        raise
    except GatewayRefused as error:
        if error.code == "idempotency_error":  # Stripe knows this key for something that our row does not know
            calls.give_up(asked, error.code)
        else:
            calls.refused(asked, error.code or "refused")
        raise
    calls.answered(asked, answer.get("id") or "")
    return answer


def proven(asked: Asked) -> Object:
    """A wish that nobody answered and whose key Stripe has forgotten by now: look, never ask."""
    try:
        found = happened(asked)
    except CannotTell as error:
        calls.give_up(asked, "cannot_tell")
        raise GatewayUnavailable(f"nobody knows what became of {asked.key}: staff decides") from error
    if found is None:
        calls.refused(asked, "never_happened")
        raise GatewayRefused("Stripe never got this", "never_happened")
    calls.answered(asked, found["id"])
    return found


def _method(asked: Asked) -> Any:
    found: Any = client().v1
    for name in asked.kind.split("."):
        found = getattr(found, name)
    return found


def _key(asked: Asked) -> str:
    """Always the row's: what was asked once is never asked under another."""
    return asked.key


# --- the changes ------------------------------------------------------------------------------------------------------


def create_customer(params: Any, idempotency_key: str) -> Object:
    return change("customers.create", sites.marked(params), key=idempotency_key)


def create_checkout_session(params: Any, idempotency_key: str) -> Object:
    return change("checkout.sessions.create", sites.marked(params), key=idempotency_key)


def expire_checkout_session(session_id: str) -> Object:
    """Refused by Stripe when the session is complete or expired already."""
    return change("checkout.sessions.expire", subject=session_id)


def create_portal_session(customer_id: str, return_url: str, flow: Any = None) -> Object:
    """A way into Stripe's portal, or straight to one page of it (``flow``). It changes nothing, so it is not written down."""
    params: Any = {"customer": customer_id, "return_url": return_url} | ({"flow_data": flow} if flow else {})
    return ask(lambda: client().v1.billing_portal.sessions.create(params)).to_dict()


def update_subscription(subscription_id: str, params: Any, idempotency_key: str = "") -> Object:
    """Sets what is given; answers the Subscription with its PARTS."""
    return change("subscriptions.update", {**params, "expand": PARTS}, subject=subscription_id, key=idempotency_key)


def pause_subscription(subscription_id: str) -> Object:
    """Status ``paused``, now; the rest of the running period is credited to the next invoice."""
    params = {"type": "subscription", "bill_for": {"unused_time_from": {"type": "now"}}, "expand": PARTS}
    return change("subscriptions.pause", params, subject=subscription_id)


def resume_subscription(subscription_id: str) -> Object:
    """Out of status ``paused``: a new period from now, charged at once."""
    params = {"billing_cycle_anchor": {"type": "now"}, "expand": PARTS}
    return change("subscriptions.resume", params, subject=subscription_id)


def create_schedule(subscription_id: str) -> Object:
    """A schedule whose one phase is the running period. Refused by Stripe when the Subscription has one."""
    return change("subscription_schedules.create", {"from_subscription": subscription_id})


def update_schedule(schedule_id: str, params: Any) -> Object:
    return change("subscription_schedules.update", params, subject=schedule_id)


def release_schedule(schedule_id: str) -> Object:
    """Let its Subscription go on as it is."""
    return change("subscription_schedules.release", subject=schedule_id)


def cancel_subscription(subscription_id: str, params: Any = None) -> Object:
    """End it now. Refused by Stripe (resource_missing) when it has ended already."""
    return change("subscriptions.cancel", params, subject=subscription_id)


def pay_invoice(invoice_id: str, params: Any, idempotency_key: str) -> Object:
    """Try to collect an open invoice now. Refused by Stripe when the card is, or when the bank wants the reader herself."""
    return change("invoices.pay", params, subject=invoice_id, key=idempotency_key)


def finalize_invoice(invoice_id: str) -> Object:
    """Make a draft a bill that can be paid."""
    return change("invoices.finalize_invoice", subject=invoice_id)


def create_coupon(params: Any, idempotency_key: str) -> Object:
    return make("coupons.create", params, idempotency_key)


def create_refund(params: Any, idempotency_key: str) -> Object:
    """Give a charge back, in part or whole."""
    return change("refunds.create", sites.marked(params), key=idempotency_key)


def create_product(params: Any, idempotency_key: str) -> Object:
    return make("products.create", params, idempotency_key)


def create_price(params: Any, idempotency_key: str) -> Object:
    return make("prices.create", params, idempotency_key)


def create_webhook_endpoint(url: str, types: list[str]) -> Object:
    """Pinned to our version. The answer holds the signing ``secret``, this once; it is not written down."""
    params = {"url": url, "enabled_events": types, "api_version": API_VERSION, "description": "Wellspring"}
    return change("webhook_endpoints.create", params)


def update_webhook_endpoint(endpoint_id: str, types: list[str]) -> Object:
    return change("webhook_endpoints.update", {"enabled_events": types, "disabled": False}, subject=endpoint_id)
