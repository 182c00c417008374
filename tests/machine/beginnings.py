"""What befell the machine's reader before its first step, and how that is told: acts of machine.py, one after the other.

Where a name begins with "page: ", the application has heard of her Subscription before: of another its pages show nothing.
"""

from collections.abc import Callable
from typing import Any

from tests.machine import deaths
from tests.machine.life import CARDS

Act = Callable[[Any], None]


def _lose(self: Any) -> None:
    self.card(0, good=False)


def _renew(self: Any) -> None:
    self.card(0, good=True)


def _month(self: Any) -> None:
    self.pass_time(31)


def _cancel(what: str) -> Act:
    return lambda self: self.cancel(0, what)


def _stay(how: str) -> Act:
    return lambda self: self.stay(0, how)


def _change(what: str) -> Act:
    return lambda self: self.change(0, self.luck.randint(0, 3), what)


def _pause(how: str) -> Act:
    return lambda self: self.pause(0, how)


def _resume(page: bool) -> Act:
    return lambda self: self.resume(0, page)


def _refund(*, part: bool, staff: bool = False) -> Act:
    return lambda self: self.refund(0, part, staff)


def _dashboard(what: str) -> Act:
    return lambda self: self.at_the_dashboard(0, what)


def _dispute(*, won: bool) -> list[Act]:
    return [lambda self: self.dispute(0, "fraudulent"), lambda self: self.dispute_ends(0, won)]


FIRST: dict[str, list[Act]] = {
    "nothing": [],
    "a month": [_month],
    "a lost card and a month": [_lose, _month],
    # Overdue, and Stripe makes further periods (where the account's setting is not to cancel).
    "a lost card and two months": [_lose, _month, _month],
    "a lost card, two months and a new one": [_lose, _month, _month, _renew],
    "a lost card, three months and a new one": [_lose, _month, _month, _month, _renew],
    "a lost card, a month, a new one, a month": [_lose, _month, _renew, _month],
    "a trial and a month": [_dashboard("trial"), _month],
    "another": [_dashboard("second subscription")],
    "a deleted Customer": [_dashboard("delete customer")],
    "a contribution each month, and a month": [lambda self: self.contribute(0, 8, monthly=True, cover=False, card=CARDS[0]), _month],
    "a guest's contribution": [lambda self: self.contribute(None, 8, monthly=False, cover=True, card=CARDS[0])],
    "notice, and staying": [_cancel("boolean"), _stay("unset")],
    "notice in the portal": [_cancel("portal")],
    "notice in the portal, and staying": [_cancel("portal"), _stay("portal")],
    "a refund": [_refund(part=True)],
    "a refund that comes back": [_refund(part=False), lambda self: self.refund_fails(0)],
    "a dispute that is won": _dispute(won=True),
    "a dispute that is lost": _dispute(won=False),
    "a pause and its end": [_pause("void"), _resume(page=False)],
    "another plan, how many, and a month": [_change("swap"), _change("quantity"), _month],
    "page: notice, and staying": [_cancel("page"), _stay("page")],
    "page: notice, and a month": [_cancel("page"), _month],
    "page: an offer": [_cancel("offer")],
    "page: an offer, and two months": [_cancel("offer"), _month, _month],
    "page: another plan": [_change("page")],
    "page: another plan, and a month": [_change("page"), _month],
    "page: another plan, taken back": [_change("page"), _change("withdraw")],
    "page: seats, and another plan, taken back": [_change("seats"), _change("withdraw")],
    "page: another plan, seats, and a month": [_change("page"), _change("seats"), _month],
    "page: a pause and its end": [_pause("page"), _resume(page=True)],
    "page: a pause, a month and its end": [_pause("page"), _month, _resume(page=True)],
    "page: a pause that ends by itself": [_pause("page"), _month, _month],
    "page: staff stops it, and lets it go on": [_pause("staff"), _resume(page=True)],
    "page: staff gives back": [_refund(part=True, staff=True), _refund(part=False, staff=True)],
    "page: staff gives back, and it comes back": [_refund(part=False, staff=True), lambda self: self.refund_fails(0)],
    "page: staff ends it later": [_cancel("staff later"), _stay("page"), _stay("portal")],
    "page: staff ends it now": [_cancel("staff now")],
    "page: a lost card, two months, and she leaves": [_lose, _month, _month, _cancel("page")],
}
TELLINGS = ["later", "twice", "once", *deaths.MOMENTS]
AFTER_RETRIES = ["cancel", "cancel", "unpaid", "past_due"]
