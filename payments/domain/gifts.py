"""Gift subscriptions: what they cost, what a buyer may ask for, when they arrive, and how long they are read with. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal, Protocol, TypeVar
from zoneinfo import ZoneInfo

from kit.currencies import step
from kit.problems import Problem, Refused, mark
from membership.domain import emails
from payments.domain import typed as words

MONTHS = (3, 6, 12)
VALID = 12  # months that a code waits for somebody, counted from the day of delivery
MORNING = time(7)  # of the publication's zone: when a gift is delivered
LONGEST_NAME = 100
LONGEST_MESSAGE = 500
# No i, l, o, u: a code is read from paper and typed. 28 of 32 signs are 140 bits.
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
LENGTH = 28

OFFER_UNKNOWN = mark("Choose one of the gifts.")
EMAIL_MISSING = mark("Enter your e-mail address: the receipt goes there.")
RECIPIENT_MISSING = mark("Enter the e-mail address of the person you give it to.")
EMAIL_WRONG = mark("This is not an e-mail address. It looks like name@example.com.")
NAME_MISSING = mark("Say who it is from: a gift from nobody looks like junk mail.")
TOO_LONG = mark("Too long: %(most)s characters at most, yours has %(count)s.")
LINK = mark("Write without addresses of web pages or e-mail: mail programs take such letters for junk.")
DAY_WRONG = mark("Choose the day, as 2027-05-31.")
DAY_PAST = mark("This day is over. Choose today or a later day.")
DAY_FAR = mark("Choose a day within a year from now.")

T = TypeVar("T")
State = Literal["pending", "failed", "canceled", "paid", "delivered", "redeemed", "expired", "void"]


class Priced(Protocol):
    """A plan on sale: ``amount`` in minor units of ``currency``, each ``interval`` (month, year)."""

    @property
    def key(self) -> str: ...
    @property
    def level(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def amount(self) -> int: ...
    @property
    def currency(self) -> str: ...
    @property
    def interval(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Offer:
    """A gift on sale, by its ``key`` (level and months): ``amount`` in minor units, once. ``plan_key`` is what it lets read."""

    key: str
    level: str
    name: str
    months: int
    amount: int
    currency: str
    plan_key: str


def offers(plans: Iterable[Priced]) -> list[Offer]:
    """Three, six and twelve months of each level on sale, by the rule that the page prints.

    Each month costs the monthly price, and never more in all than the year; twelve months cost the yearly price. A level
    without a monthly price sells parts of its year, one without a yearly price twelve times the month.
    """
    levels: dict[str, dict[str, Priced]] = {}
    for plan in plans:
        levels.setdefault(plan.level, {})[plan.interval] = plan
    return [_offer(level, sold, months) for level, sold in levels.items() for months in MONTHS]


def _offer(level: str, sold: Mapping[str, Priced], months: int) -> Offer:
    month, year = sold.get("month"), sold.get("year")
    plan = (year or month) if months == 12 else (month or year)
    if plan is None:
        raise LookupError(f"{level} is sold by neither month nor year")
    if year is None or (month and months < 12 and month.amount * months < year.amount):
        amount = plan.amount * months
    else:
        amount = year.amount if months == 12 or month else _part(year, months)
    return Offer(f"{level}-{months}", level, plan.name.partition(",")[0], months, amount, plan.currency, plan.key)


def _part(year: Priced, months: int) -> int:
    """So many twelfths of the yearly price, rounded up to what can be charged."""
    least = step(year.currency)
    return -(-year.amount * months // (12 * least)) * least


# --- what the form says -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom it is for."""

    email: str
    email_key: str
    name: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """A gift as it will be asked of Stripe."""

    offer: Offer
    recipient: Recipient
    email: str
    email_key: str
    name: str
    message: str
    deliver_on: date


def accept(typed: Mapping[str, str], on_sale: Iterable[Offer], today: date) -> Accepted:
    """The gift that was typed. Raises Refused with every field that cannot be taken. ``today`` in the publication's zone.

    ``typed``: offer (a key), recipient_email, recipient_name, email and name (the buyer's), message, deliver_on (ISO day,
    nothing is today).
    """
    problems: dict[str, Problem] = {}
    offer = next((one for one in on_sale if one.key == typed.get("offer")), None)
    if offer is None:
        problems["offer"] = Problem(OFFER_UNKNOWN)
    to = _noting(problems, lambda: recipient(typed), Recipient("", "", ""))
    email, email_key = _noting(problems, lambda: _email(typed, "email", EMAIL_MISSING), ("", ""))
    name = words.one_line(typed.get("name", ""))
    _check_words(problems, "name", name, LONGEST_NAME)
    if not name:
        problems["name"] = Problem(NAME_MISSING)
    message = words.text(typed.get("message", ""))
    _check_words(problems, "message", message, LONGEST_MESSAGE)
    day = _noting(problems, lambda: _day(typed.get("deliver_on", ""), today), today)
    if problems or offer is None:
        raise Refused(problems)
    return Accepted(offer, to, email, email_key, name, message, day)


def recipient(typed: Mapping[str, str]) -> Recipient:
    """Whom it is for, by recipient_email and recipient_name. Raises Refused."""
    problems: dict[str, Problem] = {}
    email, key = _noting(problems, lambda: _email(typed, "recipient_email", RECIPIENT_MISSING), ("", ""))
    name = words.one_line(typed.get("recipient_name", ""))
    _check_words(problems, "recipient_name", name, LONGEST_NAME)
    if problems:
        raise Refused(problems)
    return Recipient(email, key, name)


def _noting(problems: dict[str, Problem], read: Callable[[], T], otherwise: T) -> T:
    """Note a refusal and go on, so that the buyer hears of every field at once."""
    try:
        return read()
    except Refused as refusal:
        problems.update(refusal.problems)
        return otherwise


def _check_words(problems: dict[str, Problem], field: str, said: str, most: int) -> None:
    if len(said) > most:
        problems[field] = Problem(TOO_LONG, (("most", most), ("count", len(said))))
    elif words.has_link(said):
        problems[field] = Problem(LINK)


def _email(typed: Mapping[str, str], field: str, missing: str) -> tuple[str, str]:
    if not typed.get(field, "").strip():
        raise Refused({field: Problem(missing)})
    try:
        return emails.parse(typed[field])
    except emails.NotAnAddress as error:
        raise Refused({field: Problem(EMAIL_WRONG)}) from error


def _day(text: str, today: date) -> date:
    try:
        day = date.fromisoformat(text.strip()) if text.strip() else today
    except ValueError as error:
        raise Refused({"deliver_on": Problem(DAY_WRONG)}) from error
    if day < today:
        raise Refused({"deliver_on": Problem(DAY_PAST)})
    if day > last_day(today):
        raise Refused({"deliver_on": Problem(DAY_FAR)})
    return day


def last_day(today: date) -> date:
    """The latest day of delivery: this day next year (28 February after a 29th)."""
    return _months_on(today, 12)


# --- when ---------------------------------------------------------------------------------------------------------------


def delivery(on: date, zone: ZoneInfo) -> datetime:
    """The instant at which a gift for this day is due: in the morning, by the publication's clock. UTC."""
    return datetime.combine(on, MORNING, zone).astimezone(UTC)


def months_after(start: datetime, months: int, zone: ZoneInfo) -> datetime:
    """The same time of day so many months on, by the publication's calendar; a 31st becomes the month's last day. UTC.

    Where the clock jumps over that time of day, as much later as it jumps.
    """
    local = start.astimezone(zone)
    return datetime.combine(_months_on(local.date(), months), local.timetz()).astimezone(UTC)


def _months_on(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    following = date(year + (month == 11), (month + 1) % 12 + 1, 1)
    return date(year, month + 1, min(day.day, (following - timedelta(days=1)).day))


# --- what became of it --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Money:
    """What the ledger holds of a gift's payment, minor units: ``refunded`` is net of refunds that failed, ``lost`` is what
    disputes took that were decided against us. ``back_at`` is when the last of that moved."""

    paid: int = 0
    refunded: int = 0
    lost: int = 0
    back_at: datetime | None = None


def void_cause(money: Money) -> str | None:
    """Why the gift is void (staff: all was paid back; dispute), or None: a part paid back changes nothing."""
    if not money.paid or money.refunded + money.lost < money.paid:
        return None
    return "staff" if money.refunded >= money.paid else "dispute"


class Known(Protocol):
    """A gift's row."""

    @property
    def status(self) -> str: ...
    @property
    def delivered_at(self) -> datetime | None: ...
    @property
    def redeemed_at(self) -> datetime | None: ...
    @property
    def expires_at(self) -> datetime: ...


def state(gift: Known, at: datetime) -> State:
    """Where the gift stands, in one word."""
    if gift.status != "paid":
        return gift.status  # ty: ignore[invalid-explicit-return]
    if gift.redeemed_at is not None:
        return "redeemed"
    if at >= gift.expires_at:
        return "expired"
    return "delivered" if gift.delivered_at is not None else "paid"


# --- the code -----------------------------------------------------------------------------------------------------------


def spoken(code: str) -> str:
    """A code as it is printed: in groups of four."""
    return "-".join(code[n : n + 4] for n in range(0, len(code), 4)).upper()


def code_of(typed: str) -> str:
    """A code as it is stored, from what somebody typed; "" when it cannot be one."""
    plain = "".join(c for c in typed.casefold() if c.isascii() and c.isalnum()).translate(str.maketrans("ilo", "110"))
    return plain if len(plain) == LENGTH and set(plain) <= set(ALPHABET) else ""
