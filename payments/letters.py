"""The words of the mails about a Subscription: plain sentences, one link each. What to say when is decided in notices.py."""

from dataclasses import dataclass
from datetime import date, datetime

from flask_babel import gettext as _

from kit.formats import date_text, moment_text, money
from kit.settings import settings
from payments.models import Plan, Subscription

BRANDS = {
    "visa": "Visa",
    "mastercard": "Mastercard",
    "amex": "American Express",
    "discover": "Discover",
    "jcb": "JCB",
    "diners": "Diners Club",
}


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail. ``line``: what mail programs show beside the subject; ``soft``: what stands small below the button."""

    subject: str
    line: str
    heading: str
    paragraphs: tuple[str, ...]
    label: str
    soft: str = ""


def site() -> str:
    return settings()["SITE_NAME"]


def card(row: Subscription) -> str:
    """ "your Visa card ending in 4242", as far as it is known."""
    if row.card_last4 and row.card_brand:
        return _("your %(brand)s card ending in %(last4)s", brand=BRANDS.get(row.card_brand, row.card_brand), last4=row.card_last4)
    return _("the account ending in %(last4)s", last4=row.card_last4) if row.card_last4 else _("your card")


def action_needed(amount: str, until: datetime | None, *, first: bool) -> Letter:
    begun = (
        _("Your membership begins as soon as your bank has your word for the payment of %(amount)s.", amount=amount)
        if first
        else _(
            "Your subscription should have renewed. Your bank wants your word for the payment of %(amount)s before it lets it through.",
            amount=amount,
        )
    )
    return Letter(
        _("Please confirm your payment to %(site)s with your bank", site=site()),
        _("Your bank asks you to confirm; nothing is wrong with your card."),
        _("Your bank asks you to confirm"),
        (begun, _("Nothing is wrong with your card. It takes a minute.")),
        _("Confirm with your bank"),
        _("You go on reading until %(date)s.", date=date_text(until)) if until is not None else "",
    )


def payment_failed(amount: str, until: datetime | None, *, first: bool = False) -> Letter:
    """``first``: the payment with which her membership would have begun (a bank debit that came back)."""
    if first:
        return Letter(
            _("Your payment to %(site)s did not go through", site=site()),
            _("Your membership begins as soon as it does."),
            _("Your payment did not go through"),
            (
                _(
                    "Your bank did not pay the %(amount)s for your membership, so it has not begun. Pay in another way to begin it.",
                    amount=amount,
                ),
            ),
            _("Pay in another way"),
            "",
        )
    return Letter(
        _("Your payment to %(site)s did not go through", site=site()),
        _("It needs a minute of yours; you go on reading meanwhile."),
        _("Your payment did not go through"),
        (
            _("Your subscription should have renewed, but the payment of %(amount)s did not go through.", amount=amount),
            _("Cards expire and banks hesitate. Pay with another card, or with the same one once your bank is content."),
        ),
        _("Pay with another card"),
        _you_read_on(until),
    )


def change_waits(amount: str, until: datetime, *, consent: bool) -> Letter:
    """A change whose payment did not come: the old plan goes on, and the change is forgotten at ``until``."""
    return Letter(
        _("Your change at %(site)s waits for its payment", site=site()),
        _("Until it is paid everything stays as it is."),
        _("Your change waits for its payment"),
        (
            _("Your bank asks you to confirm the payment of %(amount)s for it.", amount=amount)
            if consent
            else _("The payment of %(amount)s for it did not go through.", amount=amount),
            _(
                "It can be paid until %(time)s. If you do nothing, the change is forgotten: nothing is charged, and your subscription goes on as it is.",
                time=moment_text(until),
            ),
        ),
        _("Make the payment"),
    )


def last_call(amount: str, until: datetime) -> Letter:
    day = date_text(until)
    return Letter(
        _("Your access to %(site)s ends on %(day)s", site=site(), day=day),
        _("The payment is still missing. One minute keeps it open."),
        _("You can read until %(day)s", day=day),
        (
            _("The payment of %(amount)s for your subscription has not arrived, and we could not charge your card.", amount=amount),
            _("Pay before %(day)s and nothing changes. If you do nothing, articles for members are closed to you from then on.", day=day),
        ),
        _("Pay now"),
        _("This is the last time we write about it while you can read."),
    )


def card_expiring(row: Subscription, last_day: date) -> Letter:
    return Letter(
        _("Your card is about to expire"),
        _("Put a new one in before your next payment."),
        _("Your card is about to expire"),
        (
            _("You pay for %(site)s with %(card)s. It is good through %(day)s.", site=site(), card=card(row), day=date_text(last_day)),
            _("Put in the new one when you have it, and your subscription goes on without a break."),
        ),
        _("Change your card"),
        _("If your bank has told Stripe of your new card already, you need do nothing."),
    )


def trial_ending(row: Subscription, amount: str, ends: datetime, *, gift: bool) -> Letter:
    """``gift``: what ends then are a gift's days, and Stripe alone calls them a trial."""
    day = date_text(ends)
    return Letter(
        _("Your gift at %(site)s ends on %(day)s", site=site(), day=day)
        if gift
        else _("Your trial of %(site)s ends on %(day)s", site=site(), day=day),
        _("What happens then, and how to stop it."),
        _("Your gift ends on %(day)s", day=day) if gift else _("Your trial ends on %(day)s", day=day),
        (
            _(
                "On that day your subscription begins and we charge %(amount)s to %(card)s, and again %(every)s.",
                amount=amount,
                card=card(row),
                every=every(row),
            ),
            _("If you would rather not, cancel before that day and nothing is charged."),
        ),
        _("See or cancel your subscription"),
    )


def renewal(row: Subscription, amount: str, on: datetime, coming: Plan | None) -> Letter:
    """``coming``: the plan that begins on that day instead of the present one."""
    day, yearly = date_text(on), row.interval == "year" and row.interval_count == 1
    return Letter(
        _("Your subscription to %(site)s renews on %(day)s", site=site(), day=day),
        _("What it costs, and how to stop it."),
        _("Your subscription renews on %(day)s", day=day),
        (
            _renewed(row, amount, coming),
            _(
                "You need do nothing. If you would rather stop, cancel before that day, in two clicks: you read until then and nothing more is charged."
            ),
        ),
        _("See or cancel your subscription"),
        _("Thank you for the year with us.") if yearly else "",
    )


def _renewed(row: Subscription, amount: str, coming: Plan | None) -> str:
    if coming is not None:
        return _(
            "From that day on your plan is %(plan)s, as you asked: we charge %(amount)s to %(card)s, and again %(every)s.",
            plan=coming.name,
            amount=amount,
            card=card(row),
            every=each(coming.interval),
        )
    if row.interval == "year" and row.interval_count == 1:
        return _("On that day we charge %(amount)s to %(card)s, for a year as before.", amount=amount, card=card(row))
    return _("On that day we charge %(amount)s to %(card)s, as before.", amount=amount, card=card(row))


def every(row: Subscription) -> str:
    """ "every month", "every 3 months", "every year"."""
    return each(row.interval or "", row.interval_count)


def each(interval: str, count: int = 1) -> str:
    """The same, of an interval in Stripe's words."""
    if count == 1:
        words = {"day": _("every day"), "week": _("every week"), "month": _("every month"), "year": _("every year")}
        return words.get(interval, words["month"])
    words = {
        "day": _("every %(num)s days", num=count),
        "week": _("every %(num)s weeks", num=count),
        "month": _("every %(num)s months", num=count),
        "year": _("every %(num)s years", num=count),
    }
    return words.get(interval, words["month"])


def _you_read_on(until: datetime | None) -> str:
    if until is None:
        return ""
    return _("You go on reading until %(date)s. We try again by ourselves meanwhile.", date=date_text(until))


def price(row: Subscription) -> str:
    """What the next payment takes, as people write it."""
    return money(row.amount if row.next_amount is None else row.next_amount, row.currency)
