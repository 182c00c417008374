"""What a gift's form said, written down, and what Checkout is asked for it. No money has moved yet."""

import hashlib
import secrets
from typing import Any

from kit import clock, formats
from kit.database import db, insert_ignoring
from kit.settings import settings
from kit.urls import public_url
from membership.models import Account
from payments import customers, gifts, intents
from payments.domain import gifts as rules
from payments.intents import Asked
from payments.models import CheckoutIntent, Gift

Stripes = dict[str, Any]


def begin(accepted: rules.Accepted, *, account: Account | None, attempt: str) -> Asked:
    """Write down what we are about to ask of Stripe; the caller commits it before it asks.

    ``attempt`` names one rendering of the form: the same form sent twice with the same words is one gift. An intent that
    expired or failed is followed by a fresh one.
    """
    for turn in range(100):
        intent = _intent(accepted, account, attempt, turn)
        if intent.state not in ("expired", "failed"):
            return intents.facts(intent)
    raise LookupError("a hundred intents of one form have failed")


def _intent(accepted: rules.Accepted, account: Account | None, attempt: str, turn: int) -> CheckoutIntent:
    about = repr((attempt, turn, account.id if account else None, accepted))
    intent_id = "ci_" + hashlib.sha256(about.encode()).hexdigest()[:37]
    values = {
        "id": intent_id,
        "kind": "gift",
        "state": "new",
        "account_id": account.id if account else None,
        "plan_key": accepted.offer.plan_key,
        "amount": accepted.offer.amount,
        "currency": accepted.offer.currency,
        "attribution": {},
        "created_at": clock.now(),
    }
    if db.session.scalar(insert_ignoring(CheckoutIntent).values(**values).returning(CheckoutIntent.id)):
        db.session.add(_promised(accepted, account, intent_id))
        db.session.flush()
    return db.session.get_one(CheckoutIntent, intent_id)


def _promised(accepted: rules.Accepted, account: Account | None, intent_id: str) -> Gift:
    # Nothing is attached to an address that nobody proved; she takes it over when she does (gift_owners.claim).
    proven = account is not None and account.confirmed_at is not None
    now, zone = clock.now(), formats.zone()
    today = accepted.deliver_on <= formats.local(now).date()
    deliver_at = now if today else rules.delivery(accepted.deliver_on, zone)
    return Gift(
        public_id=secrets.token_hex(16),
        code=gifts.new_code(),
        intent_id=intent_id,
        account_id=account.id if account and proven else None,
        email=accepted.email,
        email_key=accepted.email_key,
        name=accepted.name,
        recipient_email=accepted.recipient.email,
        recipient_email_key=accepted.recipient.email_key,
        recipient_name=accepted.recipient.name,
        message=accepted.message,
        plan_key=accepted.offer.plan_key,
        months=accepted.offer.months,
        amount=accepted.offer.amount,
        currency=accepted.offer.currency,
        deliver_at=deliver_at,
        expires_at=rules.months_after(deliver_at, rules.VALID, zone),
        created_at=now,
    )


def session_terms(intent_id: str) -> Stripes:
    """The parameters of this intent's Checkout Session: made from rows alone, so that a retry asks the same."""
    gift = gifts.of_intent(intent_id)
    if gift is None:
        raise LookupError(f"{intent_id} is for no gift")
    metadata = {"purpose": "gift", "gift": gift.public_id}
    name = gifts.title(gift)
    price = {"currency": gift.currency, "unit_amount": gift.amount, "product_data": {"name": name}}
    return {
        "mode": "payment",
        "line_items": [{"price_data": price, "quantity": 1}],
        "client_reference_id": intent_id,
        "metadata": metadata,
        "submit_type": "pay",
        "payment_intent_data": {"metadata": metadata, "description": name},
        # Stripe fills in the place of the id itself, so it must not be quoted.
        "success_url": public_url("gifts.thanks") + "?session_id={CHECKOUT_SESSION_ID}",
        "cancel_url": public_url("gifts.form", again=1),
        "locale": settings()["LOCALE"].partition("_")[0],
        **_payer(gift),
    }


def _payer(gift: Gift) -> Stripes:
    customer = customers.of_account(gift.account_id) if gift.account_id else None
    return {"customer": customer} if customer else {"customer_email": gift.email}
