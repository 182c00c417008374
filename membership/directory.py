"""The list of people as staff search it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, func, or_, select

from kit.database import db
from membership import memberships
from membership.domain import standing
from membership.models import Account, Membership

PAGE = 50


@dataclass(frozen=True, slots=True)
class Entry:
    """One person of the list with the word for her standing."""

    account: Account
    status: str
    until: datetime | None


def search(words: str, at: datetime, page: int = 1) -> tuple[list[Entry], int]:
    """People whose address or name has these words, the newest first; a page of PAGE, and how many there are."""
    asked = _matching(words)
    total = db.session.scalar(select(func.count()).select_from(asked.subquery())) or 0
    order = asked.order_by(Account.created_at.desc(), Account.id.desc())
    accounts = list(db.session.scalars(order.limit(PAGE).offset((min(max(1, page), 100_000) - 1) * PAGE)))
    found = memberships.standings_of([account.id for account in accounts])
    entries = [Entry(a, standing.status(found[a.id], at), standing.access_until(found[a.id], at)) for a in accounts]
    return entries, total


def _matching(words: str) -> Select[Account]:
    asked = select(Account)
    printable = "".join(letter if letter.isprintable() else " " for letter in words)
    for word in printable.split()[:5]:
        asked = asked.where(
            or_(Account.email_key.contains(word.casefold(), autoescape=True), Account.name.icontains(word, autoescape=True))
        )
    return asked


def figures(at: datetime) -> dict[str, int]:
    """How many accounts, members at this instant, sign-ups of seven days, and staff."""
    open_now = (Membership.access_from <= at) & (Membership.access_until > at)
    counts = {
        "accounts": select(func.count(Account.id)),
        "members": select(func.count()).select_from(Membership).where(open_now),
        "new": select(func.count(Account.id)).where(Account.created_at > at - timedelta(days=7)),
        "staff": select(func.count(Account.id)).where(Account.role.is_not(None)),
    }
    return {name: db.session.scalar(asked) or 0 for name, asked in counts.items()}
