"""The words of the mails about a pause: that it has begun, that it will be over, that it is."""

from datetime import datetime

from flask_babel import gettext as _

from kit.formats import date_text
from payments.letters import Letter, card, every, site
from payments.models import Subscription


def paused(resumes: datetime | None) -> Letter:
    again = (
        _("It goes on by itself on %(day)s, and is charged again from then on. You can go on sooner.", day=date_text(resumes))
        if resumes
        else _("It stays so until you say that it shall go on.")
    )
    return Letter(
        _("Your subscription to %(site)s is paused", site=site()),
        _("Nothing is charged meanwhile."),
        _("Your subscription is paused"),
        (_("Nothing is charged meanwhile. What you have paid for you can still read."), again),
        _("See your subscription"),
    )


def going_on(row: Subscription, amount: str, on: datetime) -> Letter:
    """A pause will be over on this day, and what follows is charged then."""
    day = date_text(on)
    return Letter(
        _("Your pause at %(site)s ends on %(day)s", site=site(), day=day),
        _("What it costs, and how to stop it."),
        _("Your pause ends on %(day)s", day=day),
        (
            _(
                "On that day your subscription goes on: we charge %(amount)s to %(card)s, and again %(every)s.",
                amount=amount,
                card=card(row),
                every=every(row),
            ),
            _("You need do nothing. If you would rather stop, cancel before that day, in two clicks, and nothing more is charged."),
        ),
        _("See or cancel your subscription"),
    )


def resumed(row: Subscription, amount: str) -> Letter:
    return Letter(
        _("Your subscription to %(site)s goes on", site=site()),
        _("You read everything again."),
        _("Your subscription goes on"),
        (
            _(
                "You read everything again. It costs %(amount)s %(every)s, charged to %(card)s.",
                amount=amount,
                every=every(row),
                card=card(row),
            ),
        ),
        _("See your subscription"),
    )
