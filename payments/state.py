"""The state hash: everything that follows from Stripe's present state, in lines that do not depend on how we learnt it.

Two databases with the same ``digest()`` say the same of every reader and of every cent. It is what the proofs compare
(docs/proof.md): permuted deliveries with the delivery in order, a rebuilt database with the one that it replaces.

Stripe's ids stay, ours stay out: a row of ours is named by its public id. What depends on when we looked, and not on
what Stripe has, is left out, each with its reason (LEFT_OUT, and beside the sections). A new column of a table that is
listed here counts from the day it is made: who adds one that is a clock of ours names it in LEFT_OUT. A table that comes
later is one more Section.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, case, collate, func, null, or_, select
from sqlalchemy.orm import InstrumentedAttribute, aliased

from kit import clock
from kit.database import UTCDateTime, db
from membership.models import Account, Membership, MembershipInterval, MembershipSource
from payments.models import ChargeRisk, CheckoutIntent, Contribution, Customer, Dispute, Gift, LedgerEntry, Plan, Receipt, Subscription

Where = ColumnElement[bool] | None

# Never of Stripe: local numbers, and instants at which we looked, booked or wrote.
LEFT_OUT = frozenset({"id", "observed_at", "fetched_at", "recorded_at", "updated_at", "synced_at", "issued_at"})
_NAMED_BY: dict[str, InstrumentedAttribute[Any]] = {
    "account.id": Account.public_id,
    "contribution.id": Contribution.public_id,
    "ledger_entry.id": LedgerEntry.source_id,
}


@dataclass(frozen=True, slots=True)
class Section:
    """One table: ``key`` names a row for ever and orders the lines; ``without`` are columns that are left out.

    ``only`` keeps to these columns; ``where`` to these rows. ``blank`` leaves a column out where the condition holds.
    """

    name: str
    model: Any
    key: tuple[str, ...]
    without: frozenset[str] = frozenset()
    only: frozenset[str] = frozenset()
    where: Where = None
    blank: dict[str, Any] = field(default_factory=dict)


SECTIONS: list[Section] = [
    Section("plan", Plan, ("key",)),
    # A Customer that was deleted before we ever saw it has no address any more, and no time.
    Section("customer", Customer, ("id",), blank={"email_key": Customer.deleted, "created_at": Customer.deleted}),
    # What a PaymentIntent waited for is seen when its invoice is looked at, and by no look at the Subscription.
    Section("subscription", Subscription, ("id",), without=frozenset({"action_invoice_id"})),
    # Stripe keeps no time for a changed price, a withdrawn end or ``unpaid``: changed_at may be the instant of our look.
    Section("source", MembershipSource, ("kind", "source_id"), without=frozenset({"changed_at"})),
    # Stripe's list of Refunds does not say when a failed one came back; that row is dated when we booked it. A payment and its
    # fee have the date of a balance transaction that may not have been there yet when they were booked.
    Section("ledger", LedgerEntry, ("source_id", "kind"), blank={"occurred_at": LedgerEntry.kind.in_(("payment", "fee", "refund_failed"))}),
    # The number is given in the order of arrival, the address is random, the words are of the day.
    Section("receipt", Receipt, ("ledger_entry_id",), without=frozenset({"number", "public_id", "what"})),
    Section(
        "contribution",
        Contribution,
        ("public_id",),
        # Without paid_at: the date of the first payment, of which see the ledger above. That it was paid the status says.
        only=frozenset({"account_id", "customer_id", "subscription_id", "payment_intent_id", "amount", "fee_cover", "refunded", "status"}),
    ),
    Section("dispute", Dispute, ("id",)),
    Section("risk", ChargeRisk, ("charge_id",)),
    Section("gift", Gift, ("public_id",), only=frozenset({"status", "payment_intent_id", "charge_id", "refunded"})),
    # Whether a wish that came to nothing is still open is a matter of our own clock.
    Section("paid wish", CheckoutIntent, ("id",), only=frozenset({"kind", "session_id"}), where=CheckoutIntent.state == "complete"),
]


def facts(at: datetime | None = None) -> Iterator[str]:
    """Canonical lines, always in the same order, a thousand rows in memory at most. ``at``: the gate's instant (now)."""
    at, dialect = at or clock.now(), db.engine.dialect.name
    for name, query in _queries(dialect, len(SECTIONS)):
        yield from _rows(query, name, at)


def digest(at: datetime | None = None) -> str:
    """SHA-256 of the lines, as 64 hexadecimal digits."""
    found = hashlib.sha256()
    for line in facts(at):
        found.update(line.encode())
        found.update(b"\n")
    return found.hexdigest()


@cache
def _queries(dialect: str, _sections: int) -> list[tuple[str, Any]]:
    """Built once: on a small table that costs more than running them, and the proofs run them very often."""
    of_tables = [(section.name, _select(section, dialect)) for section in SECTIONS]
    return [*of_tables, ("gate", _gates(dialect)), ("history", _last_intervals(dialect))]


# --- tables ------------------------------------------------------------------------------------------------------------


def _select(section: Section, dialect: str) -> Any:
    """The section's columns, with local numbers replaced by what names the row elsewhere."""
    table = section.model.__table__
    joins, columns, keys = [], [], []
    for column in table.columns:
        wanted = column.name in section.key or (column.name in section.only if section.only else column.name not in section.without)
        if not wanted or (column.name in LEFT_OUT and column.name not in section.key):
            continue
        value: Any = column
        named = next((_NAMED_BY[key.target_fullname] for key in column.foreign_keys if key.target_fullname in _NAMED_BY), None)
        if named is not None:
            other = aliased(named.class_)
            joins.append((other, other.id == column))
            value = getattr(other, named.key)
        if column.name in section.blank:
            value = case((section.blank[column.name], null()), else_=value)
        columns.append(value.label(column.name))
        if column.name in section.key:
            keys.append(value)
    query = select(*columns).select_from(table)
    for other, on in joins:
        query = query.outerjoin(other, on)
    if section.where is not None:
        query = query.where(section.where)
    return query.order_by(*(_bytewise(key, dialect) for key in keys))


def _gates(dialect: str) -> Any:
    """Who may read at this instant, and until when.

    The row's other columns name the leading source of the moment in which the row was derived; the sources are there.
    """
    at = bindparam("at", type_=UTCDateTime)
    opened = and_(Membership.access_from <= at, Membership.access_until > at)
    query = select(Account.public_id.label("account"), Membership.access_until.label("until"))
    return query.join(Membership, Membership.account_id == Account.id).where(opened).order_by(_bytewise(Account.public_id, dialect))


def _last_intervals(dialect: str) -> Any:
    """Of each source that goes on: since when it has a history, and its present state.

    What lay between, and how the last state of one that is over read, depends on which states we happened to see.
    """
    row = MembershipInterval
    of_source: dict[str, Any] = {"partition_by": (row.source_kind, row.source_id)}
    order = (row.effective_at.desc(), row.id.desc())
    rows = select(
        row.source_kind, row.source_id, row.klass, row.state, row.plan_key, row.price_interval, row.mrr_720, row.currency, row.until,
        row.end_cause, func.min(row.effective_at).over(**of_source).label("since"), func.row_number().over(**of_source, order_by=order).label("place"),
    ).where(row.superseded_at.is_(None)).subquery()  # fmt: skip
    source = MembershipSource
    mine = and_(source.kind == rows.c.source_kind, source.source_id == rows.c.source_id)
    columns = [column for column in rows.c if column.name != "place"]
    goes_on = or_(rows.c.until.is_(None), rows.c.until > bindparam("at", type_=UTCDateTime))
    query = select(*columns).join(source, mine).where(rows.c.place == 1, source.ended_at.is_(None), goes_on)
    return query.order_by(_bytewise(rows.c.source_kind, dialect), _bytewise(rows.c.source_id, dialect))


# --- lines -------------------------------------------------------------------------------------------------------------


def _rows(query: Any, name: str, at: datetime) -> Iterator[str]:
    for row in db.session.execute(
        query, {"at": at} if name in ("gate", "history") else {}, execution_options={"yield_per": 1000}
    ).mappings():
        # What is empty is left out, so that a new column changes no line until it says something.
        values = {key: _plain(value) for key, value in row.items() if value is not None}
        yield f"{name} {json.dumps(values, sort_keys=True, separators=(',', ':'), ensure_ascii=False)}"


def _plain(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value


def _bytewise(column: Any, dialect: str) -> Any:
    """By bytes on both databases: PostgreSQL would sort by its own language."""
    return collate(column, "C") if dialect == "postgresql" else column
