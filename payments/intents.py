"""Intents: one wish to pay, written down before Stripe is asked, so that asking again asks the same."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from kit import clock
from kit.database import db
from payments.domain.events import is_id
from payments.models import CheckoutIntent

OPEN = ("new", "open", "unknown")


@dataclass(frozen=True, slots=True)
class Asked:
    """An intent's facts as plain values, to be held while no transaction is open."""

    id: str
    plan_key: str | None
    amount: int
    currency: str
    state: str
    session_id: str | None
    session_url: str | None
    trial_days: int | None = None
    trial_end: datetime | None = None
    seats: int = 1

    @property
    def key(self) -> str:
        """The idempotency key of the Checkout Session that this wish makes."""
        return f"checkout-{self.id}"


def begin(
    kind: str, *, account_id: int | None, amount: int, currency: str, plan_key: str | None = None, seats: int = 1, attribution: Any = None
) -> CheckoutIntent:
    """A new intent; ``amount`` in minor units of ``currency``. The caller commits it before Stripe is asked."""
    row = CheckoutIntent(
        id=f"ci_{secrets.token_urlsafe(24)}",
        kind=kind,
        account_id=account_id,
        plan_key=plan_key,
        seats=seats,
        amount=amount,
        currency=currency,
        attribution=attribution or {},
        created_at=clock.now(),
    )
    db.session.add(row)
    db.session.flush()
    return row


def open_for(account_id: int) -> CheckoutIntent | None:
    """The account's wish to subscribe that is still open, the newest one. The caller holds the account's lock.

    However old it is: whether its Session can still be paid is Stripe's to say (``checkout.still_open``), and a call that
    nobody answered is looked for when its key is over. Only then does another wish take its place.
    """
    return db.session.scalars(
        select(CheckoutIntent)
        .where(
            CheckoutIntent.account_id == account_id,
            CheckoutIntent.kind == "subscribe",
            CheckoutIntent.state.in_(OPEN),
        )
        .order_by(CheckoutIntent.created_at.desc())
    ).first()


def facts(row: CheckoutIntent) -> Asked:
    return Asked(
        row.id, row.plan_key, row.amount, row.currency, row.state, row.session_id, row.session_url, row.trial_days, row.trial_end, row.seats
    )


def answered(intent_id: str, session: dict[str, Any]) -> bool:
    """Stripe made the Session: keep its id and address. False when the wish was given up for another while we asked."""
    row = db.session.get_one(CheckoutIntent, intent_id, with_for_update=True, populate_existing=True)
    row.session_id, row.session_url = session["id"], session["url"]
    if row.state in ("new", "unknown"):
        row.state = "open"
    return row.state not in ("expired", "failed")


def finish(intent_id: str, state: str) -> None:
    """``state``: complete, expired, failed, or unknown when nobody answered. Complete stays complete, over stays over."""
    row = db.session.get(CheckoutIntent, intent_id, with_for_update=True, populate_existing=True)
    if row is None or row.state == "complete" or (row.state in ("expired", "failed") and state in OPEN):
        return
    row.state = state
    row.finished_at = None if state in OPEN else clock.now()


def of_session(session_id: str, account_id: int) -> CheckoutIntent | None:
    """The wish behind a Session, if it is this account's; nobody learns anything from another's."""
    if not is_id(session_id):
        return None
    mine = select(CheckoutIntent).where(CheckoutIntent.session_id == session_id, CheckoutIntent.account_id == account_id)
    return db.session.scalars(mine).one_or_none()


def by_id(intent_id: str | None) -> CheckoutIntent | None:
    return db.session.get(CheckoutIntent, intent_id, with_for_update=True, populate_existing=True) if intent_id else None
