"""Money that staff must look at: payments that we could not place, and payments in doubt; and all there is of one."""

from dataclasses import dataclass

from sqlalchemy import Select, and_, exists, func, or_, select

from kit.database import db
from membership.models import Account
from payments.models import ChargeDecision, ChargeRisk, Contribution, Customer, Dispute, LedgerEntry

PAGE = 50


@dataclass(frozen=True, slots=True)
class Looked:
    """One payment with all that hangs on it. ``likely``: the address of the reader who has proven the one that its Customer has."""

    payment: LedgerEntry
    entries: list[LedgerEntry]
    risk: ChargeRisk | None
    disputes: list[Dispute]
    decisions: list[tuple[ChargeDecision, str]]
    contribution: Contribution | None
    account: Account | None
    likely: str = ""


def waits(payment: LedgerEntry) -> bool:
    """May staff say whose it is? We cannot place it; or it pays for a Subscription that lets nobody in. (A guest's gift is for
    somebody else, and for no Subscription.)"""
    return payment.purpose == "unknown" or is_nobodys(payment)


def is_nobodys(payment: LedgerEntry) -> bool:
    """Does it pay for a Subscription whose Customer is no reader's?"""
    return payment.purpose == "subscription" and payment.account_id is None and payment.subscription_id is not None


def _unexpected() -> Select[LedgerEntry]:
    entry = LedgerEntry
    elsewhere = exists().where(ChargeDecision.charge_id == entry.charge_id, ChargeDecision.verdict == "elsewhere")
    nobodys = and_(entry.purpose == "subscription", entry.account_id.is_(None), entry.subscription_id.is_not(None))  # as is_nobodys
    return select(entry).where(entry.kind == "payment", or_(entry.purpose == "unknown", nobodys), ~elsewhere)


def _in_doubt() -> Select[LedgerEntry, ChargeRisk]:
    doubtful = select(LedgerEntry, ChargeRisk).join(ChargeRisk, ChargeRisk.charge_id == LedgerEntry.charge_id)
    return doubtful.where(LedgerEntry.kind == "payment", ChargeRisk.doubt != "")


def unexpected(page: int) -> list[LedgerEntry]:
    """Payments that nobody placed, newest first, one more than PAGE if there are more."""
    query = _unexpected().order_by(LedgerEntry.occurred_at.desc(), LedgerEntry.id.desc())
    return list(db.session.scalars(query.offset((page - 1) * PAGE).limit(PAGE + 1)))


def in_doubt(most: int = 200) -> list[tuple[LedgerEntry, ChargeRisk]]:
    """Payments that Stripe or a card's network doubts and nobody cleared, newest first."""
    query = _in_doubt().order_by(LedgerEntry.occurred_at.desc(), LedgerEntry.id.desc()).limit(most)
    return [(payment, risk) for payment, risk in db.session.execute(query)]


def waiting() -> int:
    """How many there are of both."""
    counts = [
        select(func.count()).select_from(query.subquery()) for query in (_unexpected(), _in_doubt().with_only_columns(LedgerEntry.id))
    ]
    return sum(db.session.scalar(count) or 0 for count in counts)


def looked_at(charge_id: str) -> Looked | None:
    """All there is of a Charge; None where none of its money is in the ledger."""
    query = select(LedgerEntry).where(LedgerEntry.charge_id == charge_id).order_by(LedgerEntry.occurred_at.desc(), LedgerEntry.id.desc())
    entries = list(db.session.scalars(query))
    payment = next((one for one in entries if one.kind == "payment"), None)
    if payment is None:
        return None
    said = select(ChargeDecision, Account.email).join(Account, Account.id == ChargeDecision.decided_by)
    decisions = said.where(ChargeDecision.charge_id == charge_id).order_by(ChargeDecision.id.desc())
    disputes = select(Dispute).where(Dispute.charge_id == charge_id).order_by(Dispute.created_at.desc())
    return Looked(
        payment=payment,
        entries=entries,
        risk=db.session.get(ChargeRisk, charge_id),
        disputes=list(db.session.scalars(disputes)),
        decisions=[(decision, email) for decision, email in db.session.execute(decisions)],
        contribution=db.session.get(Contribution, payment.contribution_id) if payment.contribution_id else None,
        account=db.session.get(Account, payment.account_id) if payment.account_id else None,
        likely=_likely(payment) if is_nobodys(payment) else "",
    )


def _likely(payment: LedgerEntry) -> str:
    """A hint and no more: what was typed at Stripe is proven by nobody, so no Customer is given away by it."""
    proven = (Account.confirmed_at.is_not(None), Account.closed_at.is_(None))
    same = select(Account.email).join(Customer, Customer.email_key == Account.email_key)
    return db.session.scalars(same.where(Customer.id == payment.customer_id, *proven)).one_or_none() or ""
