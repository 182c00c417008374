"""Disputes: a row each, as Stripe has it now, and word to staff when one is opened. What moved is the ledger's."""

from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select

from kit import clock
from kit.database import db, upsert
from kit.formats import date_text, money
from kit.mail import queue_mail, quiet
from kit.settings import settings
from kit.urls import public_url
from payments.domain import disputes as rules
from payments.domain.ledger import id_of
from payments.models import Dispute

PAGE = 50


def write(found: dict[str, Any]) -> Dispute:
    """Mirror a Dispute as fetched. Writes to ADMIN_EMAIL, once, when it is new and waits for an answer."""
    values = rules.read(found)
    due, created = clock.from_timestamp(values.pop("due_by")), clock.from_timestamp(values.pop("created"))
    now = clock.now()
    values |= {"charge_id": id_of(found.get("charge")) or "", "due_by": due, "created_at": created or now, "fetched_at": now}
    db.session.execute(upsert(Dispute, ["id"], {"id": found["id"], **values}))
    row = db.session.get_one(Dispute, found["id"], populate_existing=True)
    if row.status in rules.NEEDS_ANSWER:
        _tell(row)
    return row


def of_charge(charge_id: str) -> list[Dispute]:
    """The disputes of a Charge, newest first."""
    return list(db.session.scalars(select(Dispute).where(Dispute.charge_id == charge_id).order_by(Dispute.created_at.desc(), Dispute.id)))


def listed(closed_too: bool, page: int) -> list[Dispute]:
    """A page of disputes, those that wait for an answer first, one more than PAGE if there are more."""
    query = select(Dispute) if closed_too else select(Dispute).where(Dispute.status.in_(rules.OPEN))
    waits = Dispute.status.in_(rules.NEEDS_ANSWER)
    query = query.order_by(waits.desc(), Dispute.due_by, Dispute.created_at.desc(), Dispute.id)
    return list(db.session.scalars(query.offset((page - 1) * PAGE).limit(PAGE + 1)))


def _tell(row: Dispute) -> None:
    to = settings()["ADMIN_EMAIL"]
    if not to:
        return
    sum_ = money(row.amount, row.currency)
    first = (
        _("A bank asks about a payment of %(sum)s (%(reason)s). No money has moved yet.", sum=sum_, reason=row.reason)
        if row.inquiry
        else _("A payment of %(sum)s is disputed (%(reason)s). The bank has taken the money back for now.", sum=sum_, reason=row.reason)
    )
    due = _("Evidence is taken until %(day)s.", day=date_text(row.due_by)) if row.due_by else ""
    text = "\n\n".join(filter(None, [first, due, public_url("staff_disputes.index")])) + "\n"
    with quiet(False):  # whoever finds it, and however late: evidence is taken only until a day
        queue_mail(to, _("Dispute about %(sum)s", sum=sum_), text, key=f"dispute:{row.id}:{row.status}")
