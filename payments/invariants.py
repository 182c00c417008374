"""What must always hold of readers and money, each with a name, a sentence and a look that finds where it does not.

Tests ask after every step, the doctor when somebody asks, a job every ten minutes. A violation moves no money and mends
nothing: somebody is told. Each look is a query, or one walk over accounts in batches, and holds no lock.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from itertools import islice
from typing import Any

from flask import Flask
from sqlalchemy import and_, bindparam, case, func, or_, select
from sqlalchemy.orm import aliased

from kit import clock
from kit.database import UTCDateTime, db
from membership import memberships
from membership.domain import grace as graces
from membership.domain import standing
from membership.models import Account, Membership, MembershipInterval, MembershipSource
from payments import chain
from payments.models import Contribution, Customer, LedgerEntry, Receipt, StripeEvent, Subscription

PATIENCE = timedelta(hours=1)  # for an event to be applied
MOST = 20  # violations that are named of each
BATCH = 500
REFUNDS, DISPUTES = ("refund", "refund_failed"), ("dispute", "dispute_reversal")


@dataclass(frozen=True, slots=True)
class Invariant:
    """``find`` yields a line for each violation and writes nothing. It may be asked at any moment between two commits.

    ``costly``: it reads everything there is; the doctor asks it, the job of every ten minutes does not.
    """

    name: str
    sentence: str
    find: Callable[[], Iterator[str]]
    costly: bool = False


INVARIANTS: list[Invariant] = []


def holds(name: str, sentence: str, *, costly: bool = False) -> Callable[[Callable[[], Iterator[str]]], Callable[[], Iterator[str]]]:
    """Register a look, from any module of this room: ``@holds("receipts", "Every payment has its receipt.")``."""

    def register(find: Callable[[], Iterator[str]]) -> Callable[[], Iterator[str]]:
        INVARIANTS.append(Invariant(name, sentence, find, costly))
        return find

    return register


def check(most: int = MOST) -> Iterator[tuple[Invariant, str]]:
    """Every violation found now, at most ``most`` of each invariant, the costly ones left out. Reads only; the caller ends the transaction."""
    for one in INVARIANTS:
        if not one.costly:
            for said in islice(one.find(), most):
                yield one, said


def as_probes() -> Iterator[tuple[str, tuple[str, list[str]]]]:
    """(name, (sentence, violations)) for the doctor, each as it is known."""
    for one in INVARIANTS:
        yield one.name, (one.sentence, list(islice(one.find(), MOST)))


def init_app(app: Flask) -> None:
    """Give the doctor this room's invariants."""
    app.extensions.setdefault("invariants", []).append(as_probes)


# --- money -------------------------------------------------------------------------------------------------------------
# Each query is built once: building costs more than a look at a small table, and tests look after every step.


def _sum(*kinds: str) -> Any:
    return func.sum(case((LedgerEntry.kind.in_(kinds), LedgerEntry.amount), else_=0))


@cache
def _too_much_back() -> Any:
    paid, refunded, disputed = _sum("payment"), _sum(*REFUNDS), _sum(*DISPUTES)
    noted = func.max(case((LedgerEntry.note != "", 1), else_=0))
    wrong = or_(refunded > 0, disputed > 0, and_(noted == 0, paid > 0, or_(paid + refunded < 0, paid + disputed < 0)))
    by_charge = (LedgerEntry.stripe_account, LedgerEntry.charge_id, LedgerEntry.currency)
    query = select(*by_charge, paid.label("paid"), refunded.label("refunded"), disputed.label("disputed"))
    return query.where(LedgerEntry.charge_id.is_not(None), LedgerEntry.kind != "fee").group_by(*by_charge).having(wrong)


@holds("money back", "Of no charge more is refunded, or lost by dispute, than was paid; nothing comes back that had not gone.")
def _money_back() -> Iterator[str]:
    for row in db.session.execute(_too_much_back()):
        yield f"{row.charge_id}: paid {row.paid}, refunded {row.refunded}, disputed {row.disputed} {row.currency} (minor units)"


@cache
def _other_purposes() -> Any:
    payment, other = aliased(LedgerEntry), aliased(LedgerEntry)
    same = and_(payment.stripe_account == other.stripe_account, payment.charge_id == other.charge_id, other.kind != "payment")
    differs = or_(payment.purpose != other.purpose, func.coalesce(payment.contribution_id, 0) != func.coalesce(other.contribution_id, 0))
    query = select(other.kind, other.source_id, payment.source_id.label("charge")).join(payment, same)
    return query.where(payment.kind == "payment", payment.note == "", differs)


@holds("one purpose a charge", "Everything booked of a charge is for what its payment was for, and counts for the same contribution.")
def _one_purpose() -> Iterator[str]:
    for row in db.session.execute(_other_purposes()):
        yield f"{row.kind} {row.source_id} is for something else than {row.charge}"


@cache
def _without_receipt() -> Any:
    entry = LedgerEntry
    known = or_(entry.account_id.is_not(None), Contribution.email_key.is_not(None))
    due = and_(entry.kind == "payment", entry.purpose != "unknown", known)
    query = select(entry.source_id).outerjoin(Contribution, Contribution.id == entry.contribution_id)
    return query.outerjoin(Receipt, Receipt.ledger_entry_id == entry.id).where(due, Receipt.id.is_(None))


@cache
def _without_payment() -> Any:
    entry = LedgerEntry
    differs = or_(entry.kind != "payment", Receipt.amount != entry.amount, Receipt.currency != entry.currency)
    return select(Receipt.number).join(entry, entry.id == Receipt.ledger_entry_id).where(differs)


@holds("receipts", "Every payment whose purpose and payer are known has its receipt, and every receipt its payment, of the same sum.")
def _receipts() -> Iterator[str]:
    for row in db.session.execute(_without_receipt()):
        yield f"{row.source_id} has no receipt"
    for row in db.session.execute(_without_payment()):
        yield f"receipt {row.number} is not its payment's"


@cache
def _unsettled() -> Any:
    back, paid = func.coalesce(_sum(*REFUNDS, *DISPUTES), 0), func.coalesce(_sum("payment"), 0)
    query = select(Contribution.public_id, Contribution.refunded, Contribution.status, back.label("back"), paid.label("paid"))
    query = query.outerjoin(LedgerEntry, LedgerEntry.contribution_id == Contribution.id).group_by(Contribution.id)
    owed = case((back >= 0, 0), (-back > paid, paid), else_=-back)
    unpaid = and_(Contribution.status.in_(("paid", "refunded")), paid == 0)
    return query.having(or_(Contribution.refunded != owed, unpaid))


@holds("contributions", "What went back of a contribution is what the ledger says, at most what was paid; none is paid without a payment.")
def _contributions() -> Iterator[str]:
    for row in db.session.execute(_unsettled()):
        yield f"{row.public_id} is {row.status} with {row.refunded} back; the ledger has {row.paid} paid, {row.back} back"


# --- readers -----------------------------------------------------------------------------------------------------------


@cache
def _page() -> Any:
    query = select(Account.id, Account.public_id, Membership).outerjoin(Membership, Membership.account_id == Account.id)
    return query.where(Account.id > bindparam("last")).order_by(Account.id).limit(BATCH)


@holds("gates", "Every gate is open as long as its sources say, and never beyond what any of them has paid for and the grace.")
def _gates() -> Iterator[str]:
    at, grace, last = clock.now(), memberships.grace(), 0
    while page := list(db.session.execute(_page(), {"last": last})):
        found = memberships.standings_of([row.id for row in page])
        for row in page:
            said = _gate(row.Membership, found[row.id], grace, at)
            if said:
                yield f"account {row.public_id}: {said}"
        last = page[-1].id
        db.session.expunge_all()  # a walk over all accounts keeps one page of them
        if len(page) < BATCH:
            return


def _gate(row: Membership | None, found: standing.Standing, grace: Any, at: datetime) -> str:
    if row is not None and row.renew_at is not None and row.renew_at <= at:
        return ""  # a source that waited begins just now: the job derives the row anew
    opened = memberships.is_entitled(row, at)
    if opened != standing.is_entitled(found, at):
        return f"the gate is {'open' if opened else 'shut'}, its sources say otherwise"
    if row is None or row.access_until is None or not opened:
        return ""
    if row.access_until != standing.access_until(found, at):
        return f"open until {row.access_until}, its sources say {standing.access_until(found, at)}"
    paid = [graces.ends(one.paid_until, grace) for one in found.snapshots if one.paid_until is not None]
    return "" if paid and row.access_until <= max(paid) else f"open until {row.access_until}, beyond what is paid and the grace"


@cache
def _several() -> Any:
    source = MembershipSource
    return select(source.kind, source.source_id).group_by(source.kind, source.source_id).having(func.count() > 1)


@cache
def _unlike_their_mirrors() -> Any:
    source, mirror = MembershipSource, Subscription
    ended = source.ended_at.is_(None) != mirror.ended_at.is_(None)
    elsewhere = and_(Customer.account_id.is_not(None), Customer.account_id != source.account_id)
    query = select(source.source_id).join(mirror, and_(source.kind == "subscription", source.source_id == mirror.id))
    return query.outerjoin(Customer, Customer.id == mirror.customer_id).where(or_(ended, elsewhere))


@holds("one snapshot a source", "Each source has one newest snapshot, and a Subscription's is its mirror's: ended or not, and whose it is.")
def _snapshots() -> Iterator[str]:
    for row in db.session.execute(_several()):
        yield f"{row.kind} {row.source_id} has several"
    for row in db.session.execute(_unlike_their_mirrors()):
        yield f"{row.source_id} differs from its mirror"


@cache
def _odd_intervals() -> Any:
    row, source = MembershipInterval, MembershipSource
    of_source: dict[str, Any] = {"partition_by": (row.source_kind, row.source_id), "order_by": (row.effective_at, row.id)}
    columns = (row.source_kind, row.source_id, row.effective_at, row.until)
    rows = select(*columns, func.lead(row.effective_at).over(**of_source).label("next")).where(row.superseded_at.is_(None)).subquery()
    overlap = and_(rows.c.next.is_not(None), or_(rows.c.until.is_(None), rows.c.until > rows.c.next))
    backwards = and_(rows.c.until.is_not(None), rows.c.until <= rows.c.effective_at)
    beyond = and_(source.ended_at.is_not(None), or_(rows.c.until.is_(None), rows.c.until > source.ended_at))
    mine = and_(source.kind == rows.c.source_kind, source.source_id == rows.c.source_id)
    return select(rows.c.source_id, rows.c.effective_at).outerjoin(source, mine).where(or_(overlap, backwards, beyond))


@holds("histories", "The intervals of a source are half-open and do not overlap, and none goes on after the source has ended.")
def _histories() -> Iterator[str]:
    for found in db.session.execute(_odd_intervals()):
        yield f"{found.source_id} from {found.effective_at}"


# --- the journal -------------------------------------------------------------------------------------------------------


@cache
def _late() -> Any:
    late = and_(StripeEvent.state == "new", StripeEvent.received_at < bindparam("before", type_=UTCDateTime))
    return select(StripeEvent.event_id, StripeEvent.type).where(late).limit(MOST)


@holds("events applied", "No event waits to be applied for longer than an hour.")
def _applied() -> Iterator[str]:
    for row in db.session.execute(_late(), {"before": clock.now() - PATIENCE}):
        yield f"{row.type} {row.event_id} waits"


@holds("journal", "The journal is as it was sealed: every event has its place in the chain, and no word was changed.", costly=True)
def _sealed() -> Iterator[str]:
    for one in chain.check():
        if isinstance(one, chain.Misfit):
            yield str(one)
