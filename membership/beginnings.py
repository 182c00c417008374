"""What has not begun, in sentences: a trial, a Subscription that waits for a gift's end, a first payment that has not come."""

from dataclasses import dataclass
from datetime import datetime

from flask_babel import gettext as _

from kit.formats import date_text
from membership.bills import Bill, Bills, Said, Step
from membership.domain import standing
from membership.domain.standing import Snapshot, Standing


@dataclass(frozen=True, slots=True)
class Begins:
    """The source that will begin, what is said of it, and what is known of its money."""

    source: Snapshot
    said: Said
    bill: Bill


def of(found: Standing, lead: Snapshot | None, at: datetime, bills: Bills) -> Begins | None:
    """Of the Subscription that will begin, beside what ``lead`` gives her now. None if there is none, or one runs already."""
    if lead is not None and lead.kind == "subscription" and standing.is_entitled(found, at):
        return None
    waits = standing.waiting(found, at)
    if waits is not None:
        bill = bills.get(waits.source_id, Bill())
        return Begins(waits, _after_a_gift(waits, bill), bill)
    unpaid = [one for one in found.snapshots if one.kind == "subscription" and one.status == "incomplete" and one.ended_at is None]
    if unpaid:
        first = max(unpaid, key=lambda one: (one.started_at, one.source_id))
        bill = bills.get(first.source_id, Bill())
        return Begins(first, _first_payment(bill), bill)
    return None


def trial(lead: Snapshot, bill: Bill) -> Said:
    """She tries a membership."""
    day = date_text(lead.paid_until) if lead.paid_until else ""
    begins = _("You are trying a membership. On %(day)s your subscription begins.", day=day)
    if bill.price and not bill.card:
        begins = _("You are trying a membership until %(day)s.", day=day)
    return _charged(begins, bill)


def _after_a_gift(waits: Snapshot, bill: Bill) -> Said:
    day = date_text(waits.started_at)
    if waits.ends_at is not None:
        hers = waits.end_cause in (None, "reader")
        ends = _("Your subscription would have begun on that day. You canceled; nothing will be charged.")
        ended = _("Your subscription would have begun on that day. We end it before; nothing will be charged.")
        return (ends if hers else ended,), "undo-cancel" if hers else "none"
    return _charged(_("On %(day)s your subscription begins.", day=day), bill)


def _charged(begins: str, bill: Bill) -> Said:
    """When it begins, what it costs then, and how to stop it."""
    if not bill.price:
        return (begins,), "cancel"
    if not bill.card:
        return (begins, _("There is no card on file: put one in to read on after that day.")), "replace-card"
    cost = _(
        "It then costs %(price)s %(every)s, charged to %(card)s. Cancel before that day and nothing is charged.",
        price=bill.full_price,
        every=bill.every,
        card=bill.card,
    )
    if bill.price != bill.full_price:
        cost = _(
            "The first payment is %(price)s, then %(full)s %(every)s, charged to %(card)s. Cancel before that day and nothing is charged.",
            price=bill.price, full=bill.full_price, every=bill.every, card=bill.card,
        )  # fmt: skip
    step: Step = "replace-card" if bill.card_fails_renewal else "cancel"
    return (begins, cost, *expiring(bill)), step


def _first_payment(bill: Bill) -> Said:
    if bill.consent:
        return (
            _("Your bank asks you to confirm your first payment of %(amount)s; your membership begins then.", amount=bill.due),
        ), "confirm"
    if bill.due and not bill.under_way:
        failed = _("Your first payment of %(amount)s did not go through, so your membership has not begun.", amount=bill.due)
        return (failed,), "pay" if bill.pay_url else "subscribe"
    coming = _("Your first payment is on its way.")
    if bill.due:
        coming = _("Your first payment of %(amount)s is on its way.", amount=bill.due)
    return (coming, _("Your membership begins when it has arrived; with a bank debit that takes some days.")), "none"


def expiring(bill: Bill) -> tuple[str, ...]:
    """The card will not be good any more when it is charged next."""
    if not bill.card_fails_renewal or bill.card_good_through is None:
        return ()
    return (_("That card is good through %(day)s only: put in the new one before then.", day=date_text(bill.card_good_through)),)
