"""Doubtful payments: Stripe's risk, reviews and warnings of fraud, and what staff decided about them."""

from collections.abc import Sequence
from typing import Any

import structlog
from flask_babel import gettext as _
from sqlalchemy import func, select

from kit import clock
from kit.database import db, insert_ignoring
from kit.mail import queue_mail, quiet
from kit.settings import settings
from kit.urls import public_url
from payments import withheld
from payments.domain import risks as rules
from payments.models import ChargeDecision, ChargeRisk, Contribution, LedgerEntry

log = structlog.get_logger("payments.risks")
Stripes = dict[str, Any]


def write(charge: Stripes, review: Stripes | None, warning: Stripes | None, refunds: Sequence[Stripes] | None = None) -> None:
    """Take over what Stripe thinks of a Charge, as fetched. ``review`` and ``warning`` None: not looked at, or none;
    ``refunds`` None: not looked at.

    What was given back as fraud ends the Subscription that it paid for: the card's owner must not be charged again.
    """
    level = rules.level_of(charge)
    fraud = rules.as_fraud(review, refunds or ())
    if not (level or review or warning or fraud) and db.session.get(ChargeRisk, charge["id"]) is None:
        return  # nearly every Charge
    db.session.execute(insert_ignoring(ChargeRisk).values(charge_id=charge["id"], fetched_at=clock.now()))
    row = db.session.get_one(ChargeRisk, charge["id"], with_for_update=True, populate_existing=True)
    # A refund that failed is no longer one, so what follows from refunds is taken anew whenever they were looked at.
    before = row.fraud if refunds is None else (row.review_state, row.review_reason) == ("closed", rules.REFUNDED_AS_FRAUD)
    row.level, row.fraud, row.fetched_at = level, before or fraud, clock.now()
    if review is not None:
        row.review_id, row.review_state = review["id"], "open" if review.get("open") else "closed"
        row.review_reason = (None if review.get("open") else review.get("closed_reason")) or review.get("reason") or ""
    if warning is not None:
        row.warning_id, row.warning_type = warning["id"], warning.get("fraud_type") or ""
        row.warning_actionable, row.warning_at = bool(warning.get("actionable")), clock.from_timestamp(warning.get("created"))
    settle(row)
    if row.fraud and charge.get("refunded"):
        _end(charge["id"])


def settle(row: ChargeRisk) -> None:
    """Make the doubt what follows from Stripe's word and staff's, and let the contribution know whether it is held."""
    cleared = select(func.max(ChargeDecision.decided_at)).where(ChargeDecision.charge_id == row.charge_id, ChargeDecision.verdict == "good")
    row.doubt = rules.doubt(row.level, row.review_state, row.warning_at, row.warning_actionable, db.session.scalar(cleared))
    db.session.flush()
    payment = _payment(row.charge_id)
    if payment is not None:
        hold(payment.contribution_id)
    if row.doubt in ("warning", "review"):
        _tell(row)


def hold(contribution_id: int | None) -> None:
    """A contribution is held while any of its payments is in doubt."""
    if contribution_id is None:
        return
    db.session.flush()
    doubtful = select(ChargeRisk.charge_id).join(LedgerEntry, LedgerEntry.charge_id == ChargeRisk.charge_id)
    held = db.session.scalar(doubtful.where(LedgerEntry.contribution_id == contribution_id, ChargeRisk.doubt != "").limit(1))
    db.session.get_one(Contribution, contribution_id).held = held is not None


def clear(charge_id: str, *, by: int, note: str) -> None:
    """Staff looked, and it is good."""
    db.session.add(ChargeDecision(charge_id=charge_id, verdict="good", note=note, decided_by=by, decided_at=clock.now()))
    row = db.session.get(ChargeRisk, charge_id, with_for_update=True, populate_existing=True)
    if row is not None:
        settle(row)


def _payment(charge_id: str) -> LedgerEntry | None:
    return db.session.scalars(select(LedgerEntry).where(LedgerEntry.charge_id == charge_id, LedgerEntry.kind == "payment")).first()


def _end(charge_id: str) -> None:
    payment = _payment(charge_id)
    if payment is None or payment.purpose == "unknown":
        return
    whose = payment.account_id or payment.contribution_id  # of nobody we know: it may be another site's, and not ours to end
    if whose and payment.subscription_id and payment.customer_id:
        withheld.end_for(payment.subscription_id, payment.customer_id, "fraud")


def _tell(row: ChargeRisk) -> None:
    to = settings()["ADMIN_EMAIL"]
    if not to:
        return
    warned = row.doubt == "warning"
    text = (
        _("The card's network warns that a payment is fraudulent. A refund now would prevent a dispute and its fee.")
        if warned
        else _("Stripe holds a payment for review. Until it is approved, it counts for nothing public.")
    )
    subject = _("Warning of fraud") if warned else _("A payment waits for review")
    address = public_url("staff_payments.show", charge_id=row.charge_id)
    with quiet(False):  # staff must hear of it, whoever finds it
        queue_mail(to, subject, f"{text}\n\n{address}\n", key=f"{row.doubt}:{row.warning_id if warned else row.review_id}")
