"""The letters about a monthly contribution, to guests too: its payment is missing, or it is over. The page they lead to has the rest."""

from datetime import timedelta
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select

from kit import clock
from kit.database import db
from kit.formats import money
from kit.mail import queue_mail, render_mail
from kit.urls import public_url
from membership.models import Account
from payments import endings, letters, monthly_links
from payments.letters import Letter
from payments.models import Contribution, Subscription

OLD_NEWS = timedelta(days=3)  # as of the mails about a subscription (notices.py)


def payment_missing(row: Subscription, invoice: dict[str, Any], *, consent: bool) -> bool:
    """Once for each invoice and cause. ``consent``: her bank wants to see her, and nothing is wrong with her card."""
    contribution = _of(row)
    if contribution is None:
        return False
    amount, page = money(invoice["amount_due"], invoice["currency"]), _page_of(contribution)
    if consent:
        return _send(contribution, _confirm(amount), invoice.get("hosted_invoice_url") or page, f"action-needed:{invoice['id']}")
    return _send(contribution, _failed(amount), page, f"payment-failed:{invoice['id']}")


def ended(row: Subscription) -> bool:
    """It is over, whoever ended it. Nothing is told of one that never brought anything, nor after a death."""
    contribution = _of(row)
    if endings.asked_for(row) in endings.SILENT_CAUSES:
        return False
    if contribution is None or contribution.paid_at is None or (row.ended_at and clock.now() - row.ended_at > OLD_NEWS):
        return False
    # Thanks would be out of place beside money that was taken back.
    letter = _ended(row, money(row.amount, row.currency), thanks=contribution.refunded == 0)
    return _send(contribution, letter, public_url("contributions.contribute"), f"contribution-ended:{row.id}")


def _of(row: Subscription) -> Contribution | None:
    return db.session.scalars(select(Contribution).where(Contribution.subscription_id == row.id)).first()


def _page_of(contribution: Contribution) -> str:
    return public_url("monthly.show", token=monthly_links.token_for(contribution))


def _send(contribution: Contribution, letter: Letter, address: str, key: str) -> bool:
    """To its giver's account, else to the address that a guest typed. Nothing to a closed account."""
    email = contribution.email
    if contribution.account_id is not None:
        account = db.session.get_one(Account, contribution.account_id)
        email = account.email if account.active and account.closed_at is None else None
    if not email:
        return False
    subject, text, html = render_mail("letter", letter=letter, address=address)
    return queue_mail(email, subject, text, html, key=key)


def _failed(amount: str) -> Letter:
    return Letter(
        _("Your contribution to %(site)s did not go through", site=letters.site()),
        _("Another card, or the end of it: both are on one page."),
        _("Your contribution did not go through"),
        (
            _("The payment of %(amount)s for your monthly contribution did not go through.", amount=amount),
            _("Cards expire and banks hesitate. If you like to go on, put in another card: it is tried at once. If not, end it there."),
        ),
        _("See your monthly contribution"),
    )


def _confirm(amount: str) -> Letter:
    return Letter(
        _("Please confirm your contribution to %(site)s with your bank", site=letters.site()),
        _("Your bank asks you to confirm; nothing is wrong with your card."),
        _("Your bank asks you to confirm"),
        (
            _("Your bank wants your word for the payment of %(amount)s for your monthly contribution.", amount=amount),
            _("Nothing is wrong with your card. It takes a minute."),
        ),
        _("Confirm with your bank"),
    )


def _ended(row: Subscription, amount: str, *, thanks: bool) -> Letter:
    why = _("Your monthly contribution of %(amount)s has ended. Nothing more is charged.", amount=amount)
    if row.cancel_reason == "payment_failed":
        why = _("Your card could not be charged, so your monthly contribution of %(amount)s has ended. You owe nothing.", amount=amount)
    return Letter(
        _("Your monthly contribution to %(site)s has ended", site=letters.site()),
        _("Nothing more is charged."),
        _("Your monthly contribution has ended"),
        (why, _("You may begin again whenever you like.")),
        _("Contribute again"),
        _("Thank you for every month of it.") if thanks else "",
    )
