"""Giving a payment back, for every door of staff's that does: the wish is committed before Stripe is asked, and booked after."""

import re
import secrets

from flask import request
from flask_babel import gettext as _

from kit.database import db
from kit.formats import money
from payments import gateway, refunds
from payments.models import LedgerEntry

REASONS = ("requested_by_customer", "duplicate", "fraudulent")


class NotGivenBack(Exception):
    """Stripe refused, or did not answer (``away``); that is noted and committed. ``status`` and ``words`` are for the page."""

    def __init__(self, away: bool, why: str) -> None:
        super().__init__(why)
        self.away, self.status = away, 503 if away else 422
        self.words = (
            _("Stripe does not answer. Press the button again in a moment: it cannot be paid back twice.")
            if away
            else _("Stripe refuses: %(why)s", why=why)
        )

    @property
    def attempt(self) -> str:
        """For the form that is shown again. No answer: the same one, which asks with the same key. A refusal: a new one."""
        return attempt() if self.away else ""


def attempt() -> str:
    """Which rendering of the form this is; one that we did not make is a new one."""
    sent = request.form.get("attempt", "")
    return sent if re.fullmatch(r"[0-9a-f]{32}", sent) else secrets.token_hex(16)


def give_back(payment: LedgerEntry, amount: int, reason: str, *, asked_by: int, attempt: str) -> str:
    """Ask for ``amount`` (minor units) of it and book what Stripe answers; the sum in words. The caller commits.

    Sent twice, it is one refund. Raises Refused (amount: not so much is left) before anything was asked, or NotGivenBack.
    """
    asked = refunds.begin(payment, amount, reason, asked_by=asked_by, attempt=attempt)
    words = money(amount, payment.currency)
    db.session.commit()
    try:
        made = gateway.create_refund(asked.params, asked.key)
    except (gateway.GatewayUnavailable, gateway.GatewayRefused) as error:
        away = isinstance(error, gateway.GatewayUnavailable)
        refunds.over(asked.id, "unknown" if away else "failed")
        db.session.commit()
        raise NotGivenBack(away, str(error)) from error
    refunds.done(asked.id, made)
    return words
