"""What became of calls that nobody answered: asked again with the same key while Stripe knows it, looked for afterwards.

What is found flows in through the doors of the webhooks. Nothing is ever asked under a second key.
"""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import select

from kit import clock
from kit.database import db
from payments import calls, checkout, gateway, intents, leases, refunds, restoring
from payments.calls import Asked
from payments.models import CheckoutIntent, RefundIntent
from payments.models.intents import UNHEARD
from payments.webhooks import HANDLERS, Handler

log = structlog.get_logger("payments.resolutions")

PAUSE = timedelta(minutes=2)  # longer than any call takes, so that none is still under way
DESERTED = timedelta(minutes=10)  # a wish that is about to be asked for longer than that was left by its process

# By which handler's look an object of this kind is followed.
_LOOKS = {
    "checkout.session": "checkout.session.completed",
    "customer": "customer.updated",
    "subscription": "customer.subscription.updated",
    "invoice": "invoice.paid",
    "refund": "refund.updated",
    "price": "price.updated",
    "product": "product.updated",
}


def resolve(call_id: int) -> str:
    """Find out what became of one call, and let what it made flow in. The caller commits. Answers the state it has now.

    Ends the session's transaction. Raises GatewayUnavailable (still unknown), LeaseBusy, LeaseLost (known; it will flow in).
    """
    db.session.rollback()
    asked = calls.take(call_id, PAUSE)
    if asked is None:
        return ""
    try:
        found = _find_out(asked)
    except gateway.CannotTell:
        calls.give_up(asked, "cannot_tell")
        log.error("nobody knows what became of a call", call=asked.id, kind=asked.kind)
        return "given_up"
    except gateway.GatewayRefused as error:
        log.info("call did not happen", call=asked.id, kind=asked.kind, code=error.code)
        return "given_up" if error.code == "idempotency_error" else "refused"
    if found is None:
        return "refused"
    follow(found)
    return "done"


def _find_out(asked: Asked) -> dict[str, Any] | None:
    """The object as the call left it, or None: it did not happen and shall not any more."""
    superseded, looked = calls.superseded(asked), False
    db.session.rollback()
    if asked.subject:  # what only sets something shows whether it is set
        try:
            found, looked = gateway.happened(asked), True
        except gateway.CannotTell:
            if superseded or asked.too_old:
                raise
            found = None
        if found is not None:
            calls.answered(asked, found["id"])
            return found
        if superseded:
            calls.refused(asked, "superseded")
            return None
    if not asked.too_old:
        return _ask_again(asked)
    if looked:
        calls.refused(asked, "never_happened")
        return None
    return gateway.proven(asked)


def _ask_again(asked: Asked) -> dict[str, Any]:
    """With its own key. Where Stripe keeps answering with the same fault (it saves that too), what was made is looked for."""
    try:
        return gateway.again(asked)
    except gateway.GatewayUnavailable:
        found = _made(asked) if asked.attempts > 2 else None
        if found is None:
            raise
        calls.answered(asked, found["id"])
        return found


def _made(asked: Asked) -> dict[str, Any] | None:
    try:
        return gateway.happened(asked)
    except gateway.CannotTell:
        return None


# --- letting it flow in -----------------------------------------------------------------------------------------------


def follow(found: dict[str, Any]) -> None:
    """As a webhook about this object would: lease, look, write. The caller commits. Raises LeaseBusy, LeaseLost."""
    if found.get("object") == "subscription_schedule":
        found = {"object": "subscription", "id": found.get("subscription") or found.get("released_subscription"), **_customer(found)}
    name, object_id = _LOOKS.get(found.get("object", "")), str(found.get("id") or "")
    if name is None or not object_id:
        return
    if found["object"] == "checkout.session" and found.get("status") == "open" and _given_up(found):
        gateway.expire_checkout_session(object_id)  # nobody shall pay for what was given up for another
    handler = HANDLERS[name]
    with _held(handler, found, object_id) as (lease, seen):
        lease.guard()
        if found["object"] == "checkout.session" and found.get("client_reference_id"):
            _keep_session(found)
        with restoring.hushed():
            handler.write(seen)
        if found["object"] == "refund":
            _keep_refund(found)


@contextmanager
def _held(handler: Handler, found: dict[str, Any], object_id: str) -> Generator[tuple[leases.Held, Any]]:
    """The lease, and what was seen under it. A Session may have come by its Customer since it was made, as ``found`` says it was."""
    if found["object"] == "checkout.session":
        with checkout.held(object_id, patience=5) as both:
            yield both
        return
    with leases.held(_customer(found).get("customer") or object_id, patience=5) as lease:
        yield lease, handler.look(object_id)


def _customer(found: dict[str, Any]) -> dict[str, Any]:
    customer = found["id"] if found.get("object") == "customer" else found.get("customer")
    return {"customer": customer["id"] if isinstance(customer, dict) else customer}


def _given_up(session: dict[str, Any]) -> bool:
    intent = db.session.get(CheckoutIntent, session.get("client_reference_id") or "")
    over = intent is not None and intent.state in ("expired", "failed")
    db.session.rollback()
    return over


def _keep_session(session: dict[str, Any]) -> None:
    intent = intents.by_id(session["client_reference_id"])
    if intent is not None and intent.session_id is None:
        intent.session_id, intent.session_url = session["id"], session.get("url")
        db.session.flush()


def _keep_refund(refund: dict[str, Any]) -> None:
    intent_id = (refund.get("metadata") or {}).get("refund")
    if intent_id and db.session.get(RefundIntent, intent_id) is not None:
        refunds.done(intent_id, refund)


# --- wishes that were left --------------------------------------------------------------------------------------------


def close_wishes() -> Iterator[None]:
    """Bring each wish that was left (its process was killed, or nobody answered) to where its call is.

    Yields wherever the caller shall commit. Raises GatewayUnavailable.
    """
    since = clock.now() - DESERTED
    for table, key in ((CheckoutIntent, "checkout-{}"), (RefundIntent, "refund-{}")):
        left = select(table.id).where(UNHEARD, table.created_at < since).order_by(table.created_at).limit(200)
        for intent_id in list(db.session.scalars(left)):
            yield from _close(table, intent_id, calls.by_key(key.format(intent_id)))


def _close(table: Any, intent_id: str, call: Asked | None) -> Iterator[None]:
    db.session.rollback()
    over = intents.finish if table is CheckoutIntent else refunds.over
    if call is None or call.state == "refused":  # Stripe never heard of it, or said no
        over(intent_id, "failed")
        yield
    elif call.state == "done":
        found = gateway.present(call) if call.object_id else None
        if found is None:  # it is gone; or staff found by hand that it happened
            over(intent_id, "failed" if table is CheckoutIntent else "done")
        else:
            try:
                follow(found)
            except (leases.LeaseBusy, leases.LeaseLost):
                db.session.rollback()  # somebody looks at it: next time
        yield
