"""What the sentences about a membership may say of its money: written by the room of money, read by wording.py."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

# The one thing to do next: buttons are chosen by it (templates/account/membership.html).
Step = Literal["subscribe", "replace-card", "confirm", "pay", "undo-cancel", "resume", "cancel", "none"]


@dataclass(frozen=True, slots=True)
class Bill:
    """What the room of money knows of a source that is paid for, ready to be said: amounts and cards are words.

    ``price`` is what the next payment takes (``free``: nothing), ``full_price`` what it is without discounts. ``overdue``: what waits to be
    paid ("" if nothing does); ``due``: what the newest bill asks for while it is open, overdue or not (``under_way``: Stripe waits for
    that money); ``pay_url``: where it is paid; ``consent``: it waits for her word to her bank. ``next_plan`` begins at
    ``next_at``; ``unsettled_until``: a change of plan waits so long for its payment.
    """

    price: str = ""
    full_price: str = ""
    free: bool = False
    every: str = ""
    card: str = ""
    card_good_through: date | None = None
    card_fails_renewal: bool = False
    renews_at: datetime | None = None
    discount_until: datetime | None = None
    overdue: str = ""
    due: str = ""
    under_way: bool = False
    pay_url: str = ""
    consent: bool = False
    unpaid: bool = False
    paused: bool = False
    resumes_at: datetime | None = None
    next_plan: str = ""
    next_price: str = ""
    next_at: datetime | None = None
    unsettled_until: datetime | None = None


Bills = Mapping[str, Bill]
Said = tuple[tuple[str, ...], Step]
