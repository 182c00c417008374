"""What differs between Stripe's objects and our rows: a batch at a time, one look-up a table and batch."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import select

from kit import clock
from kit.database import db
from kit.settings import settings
from membership.domain.standing import TERMINAL
from membership.models import MembershipSource
from payments import dunning, sites, withheld
from payments.domain import reconciliation as rules
from payments.domain import subscriptions as reading
from payments.domain import withheld as standing
from payments.domain.ledger import id_of
from payments.domain.sites import said_by
from payments.domain.withheld import Paid
from payments.models import Customer, Dispute, LedgerEntry, StripeEvent, Subscription
from payments.subscriptions import what_waits

Stripes = dict[str, Any]
Compared = list[tuple[Stripes, str]]  # an object and what differs; "" when nothing does
NEVER_BEGAN = ("incomplete", "incomplete_expired")


def subscriptions(batch: list[Stripes]) -> Compared:
    """The mirror's rows, whether the membership follows them, and whether it gives what Stripe and the money say."""
    now = clock.now()
    seen = [reading.read(found, now) for found in batch]
    ids, customers = [one.id for one in seen], {one.customer_id for one in seen}
    rows = {row.id: row for row in db.session.scalars(select(Subscription).where(Subscription.id.in_(ids)))}
    owners = _pairs(select(Customer.id, Customer.account_id).where(Customer.id.in_(customers)))
    sources = select(MembershipSource).where(MembershipSource.kind == "subscription", MembershipSource.source_id.in_(ids))
    followed = {source.source_id: source for source in db.session.scalars(sources)}
    paid = withheld.payments_of_each([rows[one.id] for one in seen if one.id in rows and one.id in followed and one.ended_at is None])
    return [
        (
            found,
            _mirrored(found, one, row := rows.get(one.id))
            or _followed(one, row, owners.get(one.customer_id), followed.get(one.id), paid.get(one.id, [])),
        )
        for found, one in zip(batch, seen, strict=True)
    ]


def _mirrored(found: Stripes, seen: reading.Seen, row: Subscription | None) -> str:
    if sites.is_anothers(said_by(found), seen.customer_id):
        return ""  # nobody mirrors it
    if row is None:
        return "we do not have it"
    stripes = {name: getattr(seen, name) for name in rules.COMPARED} | {"pause_behavior": seen.pause}
    if seen.ended_at is None and row.status not in TERMINAL:  # what is over costs nothing more, and no change of it is to come
        next_amount, discount_ends_at = dunning.next_bill(row, found)
        stripes |= {"mrr_720": seen.mrr_720, "next_amount": next_amount, "discount_ends_at": discount_ends_at}
        stripes |= what_waits(found)
    return rules.differences(row, stripes)


def _followed(seen: reading.Seen, row: Subscription | None, owner: int | None, source: MembershipSource | None, paid: list[Paid]) -> str:
    if row is None or row.purpose != "subscription" or not row.plan_key or seen.status in NEVER_BEGAN:
        return ""
    if owner != (source.account_id if source else None):
        return "membership does not follow it"
    if source is None or seen.ended_at is not None or source.ended_at is not None:
        return ""  # over is over, whatever its money did
    snapshot = standing.applied(reading.snapshot(seen, row.plan_key, None, clock.now()), standing.verdict(paid, seen.period_start))
    if source.status != snapshot.status:
        return f"access: ours {source.status}, by Stripe and the money {snapshot.status}"
    if source.paid_until != snapshot.paid_until:
        return f"paid until: ours {source.paid_until}, by Stripe {snapshot.paid_until}"
    return ""


def charges(batch: list[Stripes]) -> Compared:
    """Payments, and their fees once these are known."""
    booked = entries([*(one["id"] for one in batch), *(id_of(one.get("balance_transaction")) or "" for one in batch)])
    return [(found, _charge(found, booked)) for found in batch]


def _charge(found: Stripes, booked: Mapping[tuple[str, str], Any]) -> str:
    if found["status"] != "succeeded" or not found.get("amount_captured"):
        return ""
    if (found["id"], "payment") not in booked:
        return "payment not booked"
    moved = found.get("balance_transaction")
    if isinstance(moved, dict) and moved.get("fee") and (moved["id"], "fee") not in booked:
        return "fee not booked"
    return ""


def refunds(batch: list[Stripes]) -> Compared:
    """What went back, and what of it came back."""
    booked = entries(one["id"] for one in batch)
    return [(found, _refund(found, booked)) for found in batch]


def _refund(found: Stripes, booked: Mapping[tuple[str, str], Any]) -> str:
    if found["status"] == "requires_action":
        return ""
    if (found["id"], "refund") not in booked:
        return "refund not booked"
    if found["status"] in ("failed", "canceled") and (found["id"], "refund_failed") not in booked:
        return "failure of the refund not booked"
    return ""


def disputes(batch: list[Stripes]) -> Compared:
    """Each dispute's row and the movements that it made."""
    rows = _pairs(select(Dispute.id, Dispute.status).where(Dispute.id.in_([one["id"] for one in batch])))
    booked = entries(moved["id"] for one in batch for moved in one.get("balance_transactions") or ())
    return [(found, _dispute(found, rows.get(found["id"]), booked)) for found in batch]


def _dispute(found: Stripes, status: str | None, booked: Mapping[tuple[str, str], Any]) -> str:
    if status is None:
        return "we do not have it"
    if status != found["status"]:
        return f"status: ours {status}, Stripe's {found['status']}"
    missing = [
        moved["id"]
        for moved in found.get("balance_transactions") or ()
        if moved["amount"] and (moved["id"], "dispute" if moved["amount"] < 0 else "dispute_reversal") not in booked
    ]
    return f"movement {missing[0]} not booked" if missing else ""


def invoice_payments(batch: list[Stripes]) -> Compared:
    """Which invoice a payment paid is written only here. Each answer carries the Charge as its ``charge``."""
    found = [{**one, "charge": charge} for one in batch if one.get("status") == "paid" and (charge := _charge_of(one))]
    booked = entries(one["charge"] for one in found)
    return [(one, _invoice_payment(booked.get((one["charge"], "payment")))) for one in found]


def _charge_of(payment: Stripes) -> str | None:
    paid_by = payment.get("payment") or {}
    intent = paid_by.get("payment_intent")
    return id_of(intent.get("latest_charge")) if isinstance(intent, dict) else id_of(paid_by.get("charge"))


def _invoice_payment(entry: Mapping[str, Any] | None) -> str:
    if entry is None:
        return "payment not booked"
    return "" if entry["invoice_id"] or entry["purpose"] == "unknown" else "booked without its invoice"


def movements(batch: list[Stripes]) -> Compared:
    """Every movement of Stripe's balance that is of readers' money."""
    booked = entries([*(one["id"] for one in batch), *(id_of(one.get("source")) or "" for one in batch)])
    return [(one, rules.movement({**one, "source": id_of(one.get("source"))}, booked)) for one in batch]


def entries(source_ids: Iterable[str]) -> dict[tuple[str, str], dict[str, Any]]:
    """What the ledger has of these facts: (source id, kind) -> amount, currency, purpose, invoice_id."""
    wanted = {one for one in source_ids if one}
    row = LedgerEntry
    mine = (row.stripe_account == (settings()["STRIPE_ACCOUNT"] or ""), row.source_id.in_(wanted))
    found = db.session.execute(select(row.source_id, row.kind, row.amount, row.currency, row.purpose, row.invoice_id).where(*mine))
    return {(one.source_id, one.kind): dict(one._mapping) for one in found}


def told(object_id: str) -> set[str]:
    """The states of the journal's events about an object."""
    return set(db.session.scalars(select(StripeEvent.state).where(_ours(), StripeEvent.object_id == object_id).distinct()))


def unknown(event_ids: list[str]) -> set[str]:
    """Those of these events that the journal does not have."""
    known = set(db.session.scalars(select(StripeEvent.event_id).where(_ours(), StripeEvent.event_id.in_(event_ids))))
    return set(event_ids) - known


def _ours() -> Any:
    return StripeEvent.account.in_({"", settings()["STRIPE_ACCOUNT"] or ""})


def _pairs(query: Any) -> dict[Any, Any]:
    return {row[0]: row[1] for row in db.session.execute(query)}
