"""Promises: what the form said, written down, and what Checkout is asked for it. No money has moved yet."""

import hashlib
import secrets
from typing import Any

from flask_babel import gettext as _

from kit import clock
from kit.database import db, insert_ignoring
from kit.settings import settings
from kit.urls import public_url
from membership.models import Account
from payments import contributions, customers, intents
from payments.domain import contributions as rules
from payments.domain.fees import Tariff
from payments.intents import Asked
from payments.models import CheckoutIntent, Contribution

Stripes = dict[str, Any]


def terms() -> rules.Terms:
    """What this publication takes, by its settings."""
    config = settings()
    return rules.Terms(
        currency=config["CURRENCY"],
        minimum=config["CONTRIBUTION_MINIMUM"],
        maximum=config["CONTRIBUTION_MAXIMUM"],
        suggested=tuple(config["CONTRIBUTION_SUGGESTED"]),
        tariff=Tariff(config["FEE_BASIS_POINTS"], config["FEE_FIXED"]),
    )


def begin(accepted: rules.Accepted, *, account: Account | None, attempt: str, attribution: dict[str, str]) -> Asked:
    """Write down what we are about to ask of Stripe; the caller commits it before it asks.

    ``attempt`` names one rendering of the form: the same form sent twice with the same words is one intent, whichever
    tab, click or retry sends it. An intent that expired or failed is followed by a fresh one.
    """
    for turn in range(100):
        intent = _intent(accepted, account, attempt, turn, attribution)
        if intent.state not in ("expired", "failed"):
            return intents.facts(intent)
    raise LookupError("a hundred intents of one form have failed")


def _intent(accepted: rules.Accepted, account: Account | None, attempt: str, turn: int, attribution: dict[str, str]) -> CheckoutIntent:
    about = repr((attempt, turn, account.id if account else None, accepted))
    intent_id = "ci_" + hashlib.sha256(about.encode()).hexdigest()[:37]
    now = clock.now()
    values = {
        "id": intent_id,
        "kind": "contribute",
        "state": "new",
        "account_id": account.id if account else None,
        "amount": accepted.charged,
        "currency": accepted.currency,
        "attribution": attribution,
        "created_at": now,
    }
    if db.session.scalar(insert_ignoring(CheckoutIntent).values(**values).returning(CheckoutIntent.id)):
        db.session.add(_promised(accepted, account, intent_id))
        db.session.flush()
    return db.session.get_one(CheckoutIntent, intent_id)


def _promised(accepted: rules.Accepted, account: Account | None, intent_id: str) -> Contribution:
    # Nothing is attached to an address that nobody proved; she takes it over when she does (claim).
    proven = account is not None and account.confirmed_at is not None
    return Contribution(
        public_id=secrets.token_hex(16),
        intent_id=intent_id,
        account_id=account.id if account and proven else None,
        email=accepted.email,
        email_key=accepted.email_key,
        name=accepted.name,
        frequency=accepted.frequency,
        amount=accepted.amount,
        fee_cover=accepted.fee_cover,
        currency=accepted.currency,
        message=accepted.message,
        anonymous=accepted.anonymous,
        dedication_kind=accepted.dedication_kind,
        dedication=accepted.dedication,
        consented_at=clock.now() if accepted.publish else None,
        created_at=clock.now(),
    )


def session_terms(intent_id: str) -> Stripes:
    """The parameters of this intent's Checkout Session: made from rows alone, so that a retry asks the same."""
    contribution = contributions.of_intent(intent_id)
    monthly = contribution.frequency == "month"
    metadata = {"purpose": "contribution", "contribution": contribution.public_id}
    site = settings()["SITE_NAME"]
    name = _("Monthly contribution to %(site)s", site=site) if monthly else _("Contribution to %(site)s", site=site)
    lines = [_line(name, contribution.amount, contribution)]
    if contribution.fee_cover:
        lines.append(_line(_("Processing fee, covered by you"), contribution.fee_cover, contribution))
    params: Stripes = {
        "mode": "subscription" if monthly else "payment",
        "line_items": lines,
        "client_reference_id": intent_id,
        "metadata": metadata,
        # Stripe fills in the place of the id itself, so it must not be quoted.
        "success_url": public_url("contributions.thanks") + "?session_id={CHECKOUT_SESSION_ID}",
        "cancel_url": public_url("contributions.contribute", again=1),
        "locale": settings()["LOCALE"].partition("_")[0],
        **_payer(contribution),
    }
    if monthly:
        params["subscription_data"] = {"metadata": metadata}
    else:
        params |= {
            "submit_type": "pay",  # Stripe's button has no word for a contribution, and ours is not its other one
            "payment_intent_data": {"metadata": metadata, "description": name},
        }
    return params


def _line(name: str, amount: int, contribution: Contribution) -> Stripes:
    recurring = {"recurring": {"interval": "month"}} if contribution.frequency == "month" else {}
    price = {"currency": contribution.currency, "unit_amount": amount, "product_data": {"name": name}, **recurring}
    return {"price_data": price, "quantity": 1}


def _payer(contribution: Contribution) -> Stripes:
    customer = customers.of_account(contribution.account_id) if contribution.account_id else None
    return {"customer": customer} if customer else {"customer_email": contribution.email}
