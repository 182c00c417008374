"""A membership in sentences: what the reader sees on her page, what staff see beside her name."""

from dataclasses import dataclass, field
from datetime import datetime

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from kit.formats import date_text
from membership import beginnings
from membership.bills import Bill, Bills, Said, Step
from membership.domain import standing
from membership.domain.standing import Snapshot, Standing

LABELS = {
    "none": _l("not a member"),
    "trialing": _l("trying"),
    "active": _l("member"),
    "past_due": _l("payment failed"),
    "ending": _l("ending"),
    "paused": _l("paused"),
    "lapsed": _l("ended"),
}


@dataclass(frozen=True, slots=True)
class Wording:
    """Sentences in order, the next step, and whether Stripe's billing pages have anything to show.

    ``begun`` False: the step is about a Subscription that has not begun.
    """

    status: str
    sentences: tuple[str, ...]
    step: Step
    billed: bool
    bill: Bill = field(default_factory=Bill)
    begun: bool = True


def of(found: Standing, at: datetime, bills: Bills | None = None) -> Wording:
    """What there is to say of this standing at this instant. ``bills`` by the source's id: what is known of its money."""
    word, lead, known = standing.status(found, at), standing.leading(found, at), bills or {}
    bill = known.get(lead.source_id, Bill()) if lead is not None else Bill()
    sentences, step = _of_lead(word, found, lead, at, bill)
    billed = any(snapshot.kind == "subscription" for snapshot in found.snapshots)
    begins = beginnings.of(found, lead, at, known)
    if begins is not None:
        more, step = begins.said
        sentences = () if begins.source is lead else sentences  # its gift was taken back: nothing else is known of her
        return Wording(word, (*sentences, *more), step, billed, begins.bill, begun=False)
    extra = _coming(standing.opens_next(found, at)) if not standing.is_entitled(found, at) else ()
    return Wording(word, (*sentences, *extra), step, billed and lead is not None, bill)


def _of_lead(word: str, found: Standing, lead: Snapshot | None, at: datetime, bill: Bill) -> Said:
    if lead is None:
        return (_("You are not a member yet."),), "subscribe"
    return _seated(found, lead, at) if lead.kind == "group" else _say(word, found, lead, at, bill)


def _say(word: str, found: Standing, lead: Snapshot, at: datetime, bill: Bill) -> Said:
    if lead.ended_at is None and (taken := _taken_back(lead)):
        return taken
    if bill.paused and word in ("active", "paused", "lapsed"):
        return _paused(found, at, bill)
    if word == "active":
        return _active(found, lead, at, bill)
    if word == "trialing":
        return beginnings.trial(lead, bill)
    if word == "past_due":
        return _past_due(found, lead, at, bill)
    if word == "ending":
        return _ending(found, lead, at)
    return _paused(found, at, bill) if word == "paused" else _lapsed(lead, at, bill)


def _taken_back(lead: Snapshot) -> Said | None:
    """Her payment went back, so it opens nothing though her Subscription goes on (payments/domain/withheld.py)."""
    if lead.status == "paused" and lead.end_cause == "dispute":
        return (
            _("Your bank tells us that your payment is disputed. Until the bank has decided, articles for members are closed."),
            _("If it decides for us they open again by themselves. If the dispute is a mistake, ask your bank to withdraw it."),
        ), "none"
    if lead.status == "unpaid" and lead.end_cause == "staff":
        return (
            _("Your payment was paid back to you in full, so what it was for has ended."),
            _("Your subscription ends on %(day)s; nothing more is charged.", day=date_text(lead.ends_at))
            if lead.ends_at is not None
            else _("Your subscription goes on: its next payment opens the articles for members again. You may cancel it."),
        ), "none" if lead.ends_at is not None else "cancel"
    if lead.status == "unpaid" and lead.end_cause == "fraud":
        return (_("Your payment was paid back because it was not the card's owner who paid. Nothing more will be charged."),), "none"
    return None


def _seated(found: Standing, lead: Snapshot, at: datetime) -> Said:
    """A seat: its money is somebody else's affair, so there is no card of hers to replace and nothing to cancel."""
    until = standing.access_until(found, at)
    if until is None:
        ended = min((instant for instant in (lead.ended_at, lead.ends_at) if instant), default=lead.paid_until or at)
        return (_("You read with a group until %(day)s.", day=date_text(ended)),), "subscribe"
    if lead.status == "past_due":
        return (_("Your group’s payment did not go through. You read until %(day)s while it is put right.", day=date_text(until)),), "none"
    if lead.ends_at is not None:
        return (_given(lead), _("You read until %(day)s.", day=date_text(until))), "subscribe"
    return (_given(lead), _("You read for as long as the group pays for your seat.")), "none"


def _active(found: Standing, lead: Snapshot, at: datetime, bill: Bill) -> Said:
    until = lead.ends_at or lead.paid_until
    day = date_text(until) if until else ""
    if lead.kind != "subscription":
        return (_given(lead), _("You read until %(day)s.", day=day)), "subscribe"
    if standing.on_grace_period(found, at):
        return (_("Your payment of %(day)s has not arrived yet. You keep reading while we wait for it.", day=day),), "cancel"
    member = _("You are a member.")
    if not bill.price:
        return (member, _("You have paid until %(day)s; then your subscription renews.", day=day)), "cancel"
    renews = _(
        "You have paid until %(day)s; then your subscription renews for %(price)s, charged to %(card)s.",
        day=day,
        price=bill.price,
        card=bill.card,
    )
    if not bill.card:
        renews = _(
            "You have paid until %(day)s; then your subscription renews for %(price)s. There is no card on file.", day=day, price=bill.price
        )
    elif bill.free:
        renews = _("You have paid until %(day)s. The next payment takes nothing.", day=day)
    elif bill.next_plan and until is not None and bill.next_at is not None and bill.next_at <= until:
        renews = _("You have paid until %(day)s. What is due then is charged to %(card)s.", day=day, card=bill.card)
    step: Step = "replace-card" if bill.card_fails_renewal or not bill.card else "cancel"
    step = "pay" if bill.unsettled_until is not None and bill.pay_url else step
    return (member, renews, *_discount(bill), *_changing(bill), *beginnings.expiring(bill)), step


def _given(lead: Snapshot) -> str:
    return {
        "grant": _("We invited you to read everything."),
        "gift": _("Somebody gave you this membership."),
        "group": _("You read with your group's membership."),
    }.get(lead.kind, "")


def _discount(bill: Bill) -> tuple[str, ...]:
    if bill.price == bill.full_price:
        return ()
    if bill.discount_until is not None:
        return (
            _(
                "A discount lowers it until %(day)s; after that it is %(full)s %(every)s.",
                day=date_text(bill.discount_until),
                full=bill.full_price,
                every=bill.every,
            ),
        )
    return (_("A discount lowers it; without it, it is %(full)s %(every)s.", full=bill.full_price, every=bill.every),)


def _changing(bill: Bill) -> tuple[str, ...]:
    if bill.unsettled_until is not None:
        return (
            _(
                "Your change waits for its payment until %(day)s; until it is paid everything stays as it is.",
                day=date_text(bill.unsettled_until),
            ),
        )
    if bill.next_plan and bill.next_at is not None:
        return (
            _("From %(day)s you are on %(plan)s for %(price)s.", day=date_text(bill.next_at), plan=bill.next_plan, price=bill.next_price),
        )
    return ()


def _past_due(found: Standing, lead: Snapshot, at: datetime, bill: Bill) -> Said:
    since, until = lead.changed_at or lead.paid_until or at, standing.access_until(found, at)
    reads = (_("You can read until %(day)s.", day=date_text(until)),) if until else ()
    if lead.ends_at is not None:
        return (*_left_unpaid(lead.ends_at, bill), *reads), "cancel"
    if bill.consent:
        return (
            _("Your bank asks you to confirm the payment of %(amount)s. Nothing is wrong with your card.", amount=bill.overdue),
            *reads,
        ), "confirm"
    declined = _("Your card was declined on %(day)s: replace it.", day=date_text(since))
    if bill.overdue:
        declined = _(
            "Your payment of %(amount)s did not go through on %(day)s: replace your card and we try it at once.",
            amount=bill.overdue,
            day=date_text(since),
        )
    return (declined, *reads), "replace-card"


def _left_unpaid(ends: datetime, bill: Bill) -> tuple[str, ...]:
    """An end is scheduled, and until then Stripe goes on trying the last payment."""
    still = _("Your last payment has not gone through, and your card is tried again until then.")
    if bill.overdue:
        still = _("Your last payment of %(amount)s has not gone through, and your card is tried again until then.", amount=bill.overdue)
    return (
        _("Your subscription ends on %(day)s.", day=date_text(ends)),
        still,
        _("If you would rather not pay it, cancel at once: then nothing more is charged."),
    )


def _ending(found: Standing, lead: Snapshot, at: datetime) -> Said:
    until = standing.access_until(found, at) or lead.ends_at or at
    if lead.end_cause not in (None, "reader"):
        return (
            _("You read until %(day)s.", day=date_text(until)),
            _("We end your subscription then; nothing more will be charged."),
        ), "none"
    return (_("You read until %(day)s.", day=date_text(until)), _("You canceled; nothing more will be charged.")), "undo-cancel"


def _paused(found: Standing, at: datetime, bill: Bill) -> Said:
    until = standing.access_until(found, at) if standing.is_entitled(found, at) else None
    paid = min((w.paid_until for w in found.windows if w.start <= at < w.end), default=None)
    sentences = [_("Your subscription is paused. Nothing is charged, and articles for members are closed meanwhile.")]
    if until is not None and paid is not None and at < paid:
        sentences = [
            _("Your subscription is paused. Nothing is charged; what you have paid for you read until %(day)s.", day=date_text(paid))
        ]
    if bill.resumes_at is not None:
        sentences.append(_("It goes on by itself on %(day)s, or whenever you like.", day=date_text(bill.resumes_at)))
    return tuple(sentences), "resume"


def _lapsed(lead: Snapshot, at: datetime, bill: Bill) -> Said:
    if lead.status in ("past_due", "unpaid") and lead.ends_at is not None and at < lead.ends_at:
        return _left_unpaid(lead.ends_at, bill), "cancel"
    if bill.consent and lead.status in ("past_due", "unpaid"):
        return (_("Your bank asks you to confirm the payment of %(amount)s; then you read on.", amount=bill.overdue),), "confirm"
    if lead.status == "past_due":
        day = date_text(lead.changed_at or lead.paid_until or at)
        return (_("Your card was declined on %(day)s and could not be charged since: replace it to read on.", day=day),), "replace-card"
    if lead.status == "unpaid" and bill.unpaid:
        amount = _(
            "Your payment of %(amount)s never went through, so your subscription rests. Replace your card, and it goes on at once.",
            amount=bill.overdue,
        )
        rests = _("Your payment never went through, so your subscription rests. Replace your card to read on.")
        return (amount if bill.overdue else rests,), "replace-card"
    ended = min((instant for instant in (lead.ended_at, lead.ends_at) if instant), default=lead.paid_until)
    if ended is None:
        return (_("You are not a member at present."),), "subscribe"
    return (_("Your membership ended on %(day)s.", day=date_text(ended)), *_why(lead)), "subscribe"


def _why(lead: Snapshot) -> tuple[str, ...]:
    if lead.kind != "subscription" or lead.ended_at is None or lead.end_cause != "payment":
        return ()
    return (_("Your card could not be charged. You owe nothing."),)


def _coming(opens: datetime | None) -> tuple[str, ...]:
    return (_("Your membership begins on %(day)s.", day=date_text(opens)),) if opens else ()
