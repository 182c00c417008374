"""Faults with money: booked twice, by halves, or in floats; asked for twice."""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import func, select

from kit.database import db
from payments import journal, ledger
from payments.domain import amounts, contributions, fees, gifts
from payments.domain import ledger as facts
from payments.domain.fees import Tariff
from payments.gateway import changing
from payments.models import LedgerEntry
from payments.webhooks import HANDLERS, Handler
from tests.mutants import mutant, swapped


@mutant(
    "book-by-event",
    rule="safety R4 and W06: unique by the fact, since several events tell of one payment",
    caught_by="tests/payments/test_contributions_trip.py::test_W06_whatever_the_order_and_however_often_the_books_are_the_same[sqlite]",
)
def book_by_event() -> Iterator[None]:
    """Only the event's id keeps a payment from being booked twice: the same event again books nothing, another that tells of
    the same Charge books it again."""
    payment_of, look = facts.payment_of, journal._look
    applied: list[str] = []  # the event that is being written

    def for_each(wishes: list[journal.Wish]) -> list[tuple[Any, Any, int | None]]:
        looks = dict.fromkeys((HANDLERS[wish.type], wish.object_id) for wish in wishes)  # one an object, in journal._look's order
        seen = dict(zip(looks, look(wishes), strict=True))
        return [by_event(wish.event_id, *seen[HANDLERS[wish.type], wish.object_id]) for wish in wishes]

    def by_event(event_id: str, handler: Handler, found: Any, untold: int | None) -> tuple[Handler, Any, int | None]:
        def write(seen: Any) -> None:
            applied.append(event_id)
            try:
                handler.write(seen)
            finally:
                applied.pop()

        return replace(handler, write=write), found, untold

    def named(charge: Any) -> Any:
        fact = payment_of(charge)
        return replace(fact, source_id=f"{fact.source_id}.{applied[-1]}") if fact and applied else fact

    with swapped(facts, "payment_of", named), swapped(journal, "_look", for_each):
        yield


@mutant(
    "refund-by-deltas",
    rule="stripe.md §5.1: a row for each Refund by its own id, and one for the return of one that failed",
    caught_by="tests/payments/test_money_back.py::test_62_a_refund_that_fails_comes_back_as_a_row_of_its_own[sqlite-once]",
)
def refund_by_deltas() -> Iterator[None]:
    """What went back is how far the Charge's ``amount_refunded`` is ahead of the books. A Refund that fails lowers it again."""

    def by_deltas(charge: dict[str, Any], _refunds: Sequence[dict[str, Any]]) -> list[LedgerEntry]:
        total = charge["amount_refunded"]
        booked = select(func.coalesce(func.sum(LedgerEntry.amount), 0)).where(
            LedgerEntry.kind == "refund", LedgerEntry.charge_id == charge["id"]
        )
        more = total + (db.session.scalar(booked) or 0)
        if more <= 0:
            return []
        return ledger._book_back(
            charge["id"], [facts.Fact("refund", f"{charge['id']}:{total}", -more, charge["currency"], None, charge["id"])]
        )

    with swapped(ledger, "book_refunds", by_deltas):
        yield


@mutant(
    "key-made-anew",
    rule="safety R7: never a fresh key for the same wish",
    caught_by="tests/payments/test_checkout.py::test_an_answer_lost_on_its_way_is_one_session[sqlite]",
)
def key_made_anew() -> Iterator[None]:
    """Each attempt at a call has a key of its own."""
    with swapped(changing, "_key", lambda _asked: f"anew-{secrets.token_hex(8)}"):
        yield


@mutant(
    "float-money",
    rule="stripe.md §6: money is (int, currency); safety M01",
    caught_by="tests/payments/test_amounts.py::test_every_amount_that_exists_can_be_typed_both_ways",
)
def float_money() -> Iterator[None]:
    """A typed amount goes through a float on its way to minor units: 19.99 becomes 1998."""
    parse = amounts.parse

    def floating(typed: str, currency: str, minimum: int, maximum: int, **named: Any) -> int:
        parse(typed, currency, minimum, maximum, **named)  # refuses as ever
        return int(float(typed.strip().replace(",", ".")) * 10 ** amounts.exponent(currency))

    with swapped(amounts, "parse", floating):
        yield


@mutant(
    "fee-cover-as-a-share",
    rule="safety M04: all of the amount arrives when the fee is covered",
    caught_by="tests/payments/test_fees.py::test_the_amount_remains_and_no_smaller_charge_would_do",
)
def fee_cover_as_a_share() -> Iterator[None]:
    """Covering the fee adds the fee of the amount, though the processor takes it of the whole charge."""

    def share(amount: int, tariff: Tariff, step: int = 1) -> int:
        return -(-(amount + tariff.fee(amount)) // step) * step

    with swapped(fees, "gross", share):
        yield


@mutant(
    "unexpected-money-counts",
    rule="safety W12: money that was not asked for is booked and counts for nothing",
    caught_by="tests/payments/test_ledger.py::test_W12_unexpected_money_is_booked_as_it_came_noted_and_counts_for_nothing[sqlite-values0]",
)
def unexpected_money_counts() -> Iterator[None]:
    """Whatever was charged is what we asked."""
    with swapped(facts, "difference", lambda _charged, _asked: ""):
        yield


@mutant(
    "gift-void-by-a-part",
    rule="a gift is void when all of it was paid back, and not by a part",
    caught_by="tests/payments/test_gifts.py::test_paid_back_in_part_it_goes_on_and_in_full_it_ends[sqlite]",
)
def gift_void_by_a_part() -> Iterator[None]:
    """Any refund ends a gift."""

    def by_any(money: gifts.Money) -> str | None:
        return "staff" if money.refunded + money.lost > 0 else None

    with swapped(gifts, "void_cause", by_any):
        yield


assert contributions.amounts is amounts  # what is swapped here is what the application calls
