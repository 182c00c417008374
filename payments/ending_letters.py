"""The words of the mails about an end: one to come, by whomever, and one that has come."""

from datetime import datetime

from flask_babel import gettext as _

from kit.formats import date_text
from payments.letters import Letter, site


def ending(ends: datetime, until: datetime | None) -> Letter:
    """She leaves. ``until``: so long she reads; None where she does not (her payment went back, or she had paused)."""
    ends_then = (
        _("Your subscription ends then. You read everything until that day, and nothing more is charged.")
        if until is not None
        else _("Nothing more is charged.")
    )
    return _ending(
        ends,
        until,
        (ends_then, _("If you change your mind before that day, one click takes it back.")),
        _("Stay after all"),
        _("Thank you for the time you read with us."),
    )


def ending_by_us(ends: datetime, until: datetime | None) -> Letter:
    """Staff decided it, so there is nothing to take back."""
    ends_then = (
        _("We end your subscription then. You read everything until that day, and nothing more is charged.")
        if until is not None
        else _("We end your subscription then. Nothing more is charged.")
    )
    return _ending(ends, until, (ends_then, _("If you wonder why, just answer this mail.")), _("See your account"))


def _ending(ends: datetime, until: datetime | None, paragraphs: tuple[str, ...], label: str, soft: str = "") -> Letter:
    day = date_text(ends)
    return Letter(
        _("Your subscription to %(site)s ends on %(day)s", site=site(), day=day),
        _("You read everything until then, and nothing more is charged.") if until is not None else _("Nothing more is charged."),
        _("You read until %(day)s", day=date_text(until)) if until is not None else _("Your subscription ends on %(day)s", day=day),
        paragraphs,
        label,
        soft,
    )


def ending_unpaid(ends: datetime, until: datetime | None, amount: str) -> Letter:
    """An end was scheduled (in Stripe's portal) while a payment is overdue: until then it goes on being tried."""
    day = date_text(ends)
    return Letter(
        _("Your subscription to %(site)s ends on %(day)s", site=site(), day=day),
        _("A payment is still open."),
        _("Your subscription ends on %(day)s", day=day),
        (
            _("Your last payment of %(amount)s has not gone through, and your card is tried again until then.", amount=amount),
            _("If you would rather not pay it, end the subscription at once: then nothing more is charged."),
        ),
        _("See or end your subscription"),
        _("You can read until %(day)s.", day=date_text(until)) if until is not None else "",
    )


def ended(cause: str | None) -> Letter:
    """After the end, in words that fit whose doing it was."""
    why = {
        "reader": _("As you asked, your subscription has ended. Nothing more is charged."),
        "payment": _("We could not charge your card, so your subscription has ended. Nothing more is charged, and you owe nothing."),
        "dispute": _("Your bank told us that you do not recognise a payment, so we ended your subscription. Nothing more is charged."),
        "fraud": _(
            "Your bank warned us that a card was used without its owner's leave, so we ended the subscription that it paid. Nothing more is charged."
        ),
    }.get(cause or "", _("We ended your subscription. Nothing more is charged. If you wonder why, just answer this mail."))
    back = {
        "payment": _("You are welcome back whenever you like; a card that works is all it takes."),
        "dispute": _("If that was a misunderstanding, you are welcome back."),
        "fraud": _("If it was you all along, you are welcome back with another card."),
    }.get(cause or "", _("You are welcome back whenever you like."))
    return Letter(
        _("Your subscription to %(site)s has ended", site=site()),
        _("Nothing more is charged. You are welcome back."),
        _("Your subscription has ended"),
        (why, back),
        _("Subscribe again"),
        _("Thank you for the time you read with us.") if cause in ("reader", None, "staff") else "",
    )
