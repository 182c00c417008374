"""Reads Stripe's Charges, Refunds and Disputes as movements of the ledger. Plain dicts in, facts out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Stripes = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Fact:
    """One movement as Stripe has it: ``source_id`` names it for ever, ``amount`` is signed minor units, ``at`` seconds
    since 1970 (None: Stripe does not say when)."""

    kind: str
    source_id: str
    amount: int
    currency: str
    at: int | None
    charge_id: str


def payment_of(charge: Stripes) -> Fact | None:
    """The gross payment of a Charge that succeeded and was captured; None while no money moved.

    Dated by its balance transaction, where that is there: a bank debit of November that clears in December is December's
    money. Else by the Charge; for a card both are the same moment.
    """
    amount = charge.get("amount_captured") or 0
    if charge.get("status") != "succeeded" or amount <= 0:
        return None
    moved = charge.get("balance_transaction")
    at = moved["created"] if isinstance(moved, Mapping) else charge["created"]
    return Fact("payment", charge["id"], amount, charge["currency"], at, charge["id"])


def fee_of(charge: Stripes) -> Fact | None:
    """The processor's fee of a Charge, in the currency of settlement; None until its balance transaction is there.

    At ``charge.succeeded`` it may still be null: the fee comes later, with ``charge.updated``.
    """
    moved = charge.get("balance_transaction")
    return _fee(moved, charge["id"]) if isinstance(moved, Mapping) else None


def refund_of(refund: Stripes) -> Iterator[Fact]:
    """What a Refund moved: out, and back in if it failed or was called off.

    A failed one yields both whether or not we saw it pending, so that order and omission of events do not matter.
    """
    if refund.get("status") == "requires_action":
        return  # nothing has left yet
    charge_id = id_of(refund.get("charge")) or ""
    yield Fact("refund", refund["id"], -refund["amount"], refund["currency"], refund["created"], charge_id)
    if refund.get("status") in ("failed", "canceled"):
        returned = refund.get("failure_balance_transaction")
        at = returned["created"] if isinstance(returned, Mapping) else None
        yield Fact("refund_failed", refund["id"], refund["amount"], refund["currency"], at, charge_id)


def dispute_of(dispute: Stripes) -> Iterator[Fact]:
    """What a Dispute moved, by its balance transactions: an inquiry has none, a won one has the money come back.

    In the currency of the payment, as a Refund: a publication may settle in another, and a payment and what went back of
    it must add up. The fee is in the currency of settlement.
    """
    charge_id = id_of(dispute.get("charge")) or ""
    for moved in dispute.get("balance_transactions") or ():
        if moved["amount"]:
            kind = "dispute" if moved["amount"] < 0 else "dispute_reversal"
            amount, currency = moved["amount"], moved["currency"]
            if currency != dispute.get("currency", currency):
                amount, currency = dispute["amount"] if amount > 0 else -dispute["amount"], dispute["currency"]
            yield Fact(kind, moved["id"], amount, currency, moved["created"], charge_id)
        fee = _fee(moved, charge_id)
        if fee:
            yield fee


def _fee(moved: Stripes, charge_id: str) -> Fact | None:
    if not moved.get("fee"):
        return None
    return Fact("fee", moved["id"], -moved["fee"], moved["currency"], moved["created"], charge_id)


def id_of(reference: Any) -> str | None:
    """The id of what Stripe gives as an id, as an expanded object or as null."""
    if isinstance(reference, Mapping):
        return reference["id"]
    return reference or None


def given(fact: Fact, invoice: Stripes) -> tuple[int, str]:
    """(minor units, currency) that a payment came to: its invoice's total, where a credit balance at Stripe paid the rest of that."""
    total = invoice.get("total") or 0
    by_credit = invoice.get("currency") == fact.currency and invoice.get("amount_due") == fact.amount < total
    return (total if by_credit else fact.amount), fact.currency


def difference(charged: tuple[int, str], asked: tuple[int, str]) -> str:
    """Why this is unexpected money, as the note in the ledger says it; "" when it is what was asked (amount, currency)."""
    if charged == asked:
        return ""
    return f"unexpected: asked {asked[0]} {asked[1]}, got {charged[0]} {charged[1]} (minor units)"
