"""What a contribution may be: reads the form's typed values, or refuses each field by name."""

import unicodedata
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from kit.currencies import step
from kit.problems import Problem, Refused, mark
from membership.domain import emails
from payments.domain import amounts, fees

FREQUENCIES = ("once", "month")
DEDICATIONS = ("", "memory", "honour")
LONGEST_NAME = 200
LONGEST_MESSAGE = 500
_KEPT_CONTROLS = "\n\u200c\u200d"

FREQUENCY_UNKNOWN = mark("Choose once or every month.")
SUGGESTION_UNKNOWN = mark("Choose one of the amounts, or enter your own.")
EMAIL_MISSING = mark("Enter your e-mail address: the receipt goes there.")
EMAIL_WRONG = mark("This is not an e-mail address. It looks like name@example.com.")
NAME_LONG = mark("The name is too long: %(most)s characters at most.")
DEDICATION_UNKNOWN = mark("Choose in memory of or in honour of, or no dedication.")
DEDICATION_MISSING = mark("Enter the name to which it is dedicated, or choose no dedication.")
DEDICATION_KIND_MISSING = mark("Choose in memory of or in honour of.")
PUBLISH_ANONYMOUS = mark("You also chose not to show your name. Untick one of the two.")
PUBLISH_NAMELESS = mark("Enter the name that we may show, or untick this.")
MESSAGE_LONG = mark("The message is too long: %(most)s characters at most, yours has %(count)s.")


@dataclass(frozen=True, slots=True)
class Terms:
    """What the publication takes: bounds and suggestions in minor units of ``currency``, and the fee to cover."""

    currency: str
    minimum: int
    maximum: int
    suggested: Sequence[int]
    tariff: fees.Tariff

    def cover(self, amount: int) -> int:
        """What covering the fee adds to this amount, minor units."""
        return fees.cover(amount, self.tariff, step(self.currency))


@dataclass(frozen=True, slots=True)
class Accepted:
    """A contribution as it will be asked of Stripe. ``amount`` is what the publication keeps if the fee is covered."""

    amount: int
    fee_cover: int
    currency: str
    frequency: str
    email: str
    email_key: str
    name: str = ""
    message: str = ""
    anonymous: bool = False
    dedication_kind: str = ""
    dedication: str = ""
    publish: bool = False

    @property
    def charged(self) -> int:
        """What is charged, each time: minor units."""
        return self.amount + self.fee_cover


def accept(typed: Mapping[str, str], terms: Terms) -> Accepted:
    """The contribution that was typed. Raises Refused with every field that cannot be taken.

    ``typed``: amount (own amount, wins when it is filled in), suggested (minor units of an offered amount),
    frequency, cover_fee, anonymous and publish ("" is no), email, name, message, dedication_kind, dedication.
    """
    problems: dict[str, Problem] = {}
    amount, email, email_key = 0, "", ""
    with _gathering(problems):
        amount = _amount(typed, terms)
    with _gathering(problems):
        email, email_key = _email(typed)
    frequency = typed.get("frequency", "")
    if frequency not in FREQUENCIES:
        problems["frequency"] = Problem(FREQUENCY_UNKNOWN)
    name = _one_line(typed.get("name", ""))
    if len(name) > LONGEST_NAME:
        problems["name"] = Problem(NAME_LONG, (("most", LONGEST_NAME),))
    message = _text(typed.get("message", ""))
    if len(message) > LONGEST_MESSAGE:
        problems["message"] = Problem(MESSAGE_LONG, (("most", LONGEST_MESSAGE), ("count", len(message))))
    dedication = ("", "")
    with _gathering(problems):
        dedication = _dedication(typed)
    with _gathering(problems):
        _publishing(typed, name)
    if problems:
        raise Refused(problems)
    return Accepted(
        amount=amount,
        fee_cover=terms.cover(amount) if typed.get("cover_fee") else 0,
        currency=terms.currency,
        frequency=frequency,
        email=email,
        email_key=email_key,
        name=name,
        message=message,
        anonymous=bool(typed.get("anonymous")),
        dedication_kind=dedication[0],
        dedication=dedication[1],
        publish=bool(typed.get("publish")),
    )


@contextmanager
def _gathering(problems: dict[str, Problem]) -> Generator[None]:
    """Note a refusal and go on, so that the reader hears of every field at once."""
    try:
        yield
    except Refused as refusal:
        problems.update(refusal.problems)


def _amount(typed: Mapping[str, str], terms: Terms) -> int:
    own, suggestion = typed.get("amount", ""), typed.get("suggested", "")
    if own.strip() or not suggestion:
        return amounts.parse(own, terms.currency, terms.minimum, terms.maximum)
    if suggestion not in map(str, terms.suggested):
        raise amounts.refuse("amount", SUGGESTION_UNKNOWN)
    return int(suggestion)


def _email(typed: Mapping[str, str]) -> tuple[str, str]:
    if not typed.get("email", "").strip():
        raise amounts.refuse("email", EMAIL_MISSING)
    try:
        return emails.parse(typed["email"])
    except emails.NotAnAddress as error:
        raise amounts.refuse("email", EMAIL_WRONG) from error


def _dedication(typed: Mapping[str, str]) -> tuple[str, str]:
    """(kind, name); both or neither."""
    kind, name = typed.get("dedication_kind", ""), _one_line(typed.get("dedication", ""))
    if kind not in DEDICATIONS:
        raise amounts.refuse("dedication_kind", DEDICATION_UNKNOWN)
    if kind and not name:
        raise amounts.refuse("dedication", DEDICATION_MISSING)
    if name and not kind:
        raise amounts.refuse("dedication_kind", DEDICATION_KIND_MISSING)
    if len(name) > LONGEST_NAME:
        raise amounts.refuse("dedication", NAME_LONG, most=LONGEST_NAME)
    return kind, name


def _publishing(typed: Mapping[str, str], name: str) -> None:
    """Consent to be thanked by name needs a name, and no wish to hide it."""
    if typed.get("publish") and typed.get("anonymous"):
        raise amounts.refuse("publish", PUBLISH_ANONYMOUS)
    if typed.get("publish") and not name:
        raise amounts.refuse("publish", PUBLISH_NAMELESS)


def _one_line(typed: str) -> str:
    """Without control characters and doubled spaces: a name goes into mails and lists."""
    return " ".join("".join(" " if unicodedata.category(c).startswith("Z") else c for c in _text(typed)).split())


def _text(typed: str) -> str:
    """Line breaks stay, and the joiners that scripts and emoji need; other control and direction characters go."""
    unified = typed.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    return "".join(c for c in unified if c in _KEPT_CONTROLS or not unicodedata.category(c).startswith("C")).strip()


def status_of(frequency: str, stripe_says: str, paid: int, returned: int) -> str:
    """A contribution's status by the facts: what Stripe says of its Session or Subscription, and the ledger's sums.

    ``stripe_says``: pending, failed, canceled, active or past_due. ``paid`` and ``returned`` (refunds and disputes)
    in minor units. A one-off contribution is paid when its payment is in the ledger, whatever was heard of its
    Session and in whatever order; a monthly one stands as its Subscription does.
    """
    if paid and returned >= paid and (frequency == "once" or stripe_says == "canceled"):
        return "refunded"
    if frequency == "month":
        return stripe_says
    return "paid" if paid else stripe_says if stripe_says in ("failed", "canceled") else "pending"
