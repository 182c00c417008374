"""A membership in sentences: what the reader sees on her page, what staff see beside her name."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from kit.formats import date_text
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

# The one thing to do next: buttons are chosen by it (templates/account/membership.html).
Step = Literal["subscribe", "replace-card", "undo-cancel", "resume", "cancel", "none"]


@dataclass(frozen=True, slots=True)
class Wording:
    """Sentences in order, the next step, and whether Stripe's billing pages have anything to show."""

    status: str
    sentences: tuple[str, ...]
    step: Step
    billed: bool


def of(found: Standing, at: datetime) -> Wording:
    """What there is to say of this standing at this instant."""
    word, lead = standing.status(found, at), standing.leading(found, at)
    coming = standing.opens_next(found, at)
    if lead is None:
        return Wording(word, (_("You are not a member yet."), *_coming(coming)), "subscribe", False)
    say = {"active": _active, "trialing": _trialing, "past_due": _past_due, "ending": _ending, "paused": _paused}.get(word, _lapsed)
    sentences, step = say(found, lead, at)
    billed = any(snapshot.kind == "subscription" for snapshot in found.snapshots)
    extra = _coming(coming) if not standing.is_entitled(found, at) else ()
    return Wording(word, (*sentences, *extra), step, billed)


def _active(found: Standing, lead: Snapshot, at: datetime) -> tuple[tuple[str, ...], Step]:
    until = lead.ends_at or lead.paid_until
    day = date_text(until) if until else ""
    if lead.kind != "subscription":
        return (_given(lead), _("You read until %(day)s.", day=day)), "subscribe"
    if standing.on_grace_period(found, at):
        return (_("Your payment of %(day)s has not arrived yet. You keep reading while we wait for it.", day=day),), "cancel"
    return (_("You are a member."), _("You have paid until %(day)s; then your subscription renews.", day=day)), "cancel"


def _given(lead: Snapshot) -> str:
    return {
        "grant": _("We invited you to read everything."),
        "gift": _("Somebody gave you this membership."),
        "group": _("You read with your group's membership."),
    }.get(lead.kind, "")


def _trialing(_found: Standing, lead: Snapshot, _at: datetime) -> tuple[tuple[str, ...], Step]:
    day = date_text(lead.paid_until) if lead.paid_until else ""
    return (_("You are trying a membership. On %(day)s your subscription begins.", day=day),), "cancel"


def _past_due(found: Standing, lead: Snapshot, at: datetime) -> tuple[tuple[str, ...], Step]:
    since = lead.changed_at or lead.paid_until or at
    until = standing.access_until(found, at)
    sentences = (_("Your card was declined on %(day)s: replace it.", day=date_text(since)),)
    return (*sentences, _("You can read until %(day)s.", day=date_text(until))) if until else sentences, "replace-card"


def _ending(found: Standing, lead: Snapshot, at: datetime) -> tuple[tuple[str, ...], Step]:
    until = standing.access_until(found, at) or lead.ends_at or at
    return (_("You read until %(day)s.", day=date_text(until)), _("You canceled; nothing more will be charged.")), "undo-cancel"


def _paused(_found: Standing, _lead: Snapshot, _at: datetime) -> tuple[tuple[str, ...], Step]:
    return (_("Your subscription is paused. Nothing is charged, and articles for members are closed meanwhile."),), "resume"


def _lapsed(_found: Standing, lead: Snapshot, at: datetime) -> tuple[tuple[str, ...], Step]:
    if lead.status == "past_due":
        day = date_text(lead.changed_at or lead.paid_until or at)
        return (_("Your card was declined on %(day)s and could not be charged since: replace it to read on.", day=day),), "replace-card"
    ended = min((instant for instant in (lead.ended_at, lead.ends_at) if instant), default=lead.paid_until)
    if ended is None:
        return (_("You are not a member at present."),), "subscribe"
    return (_("Your membership ended on %(day)s.", day=date_text(ended)),), "subscribe"


def _coming(opens: datetime | None) -> tuple[str, ...]:
    return (_("Your membership begins on %(day)s.", day=date_text(opens)),) if opens else ()
