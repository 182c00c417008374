"""Faults in reading a Subscription."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from payments import subscriptions
from payments.domain import fees, reading
from payments.domain import subscriptions as rules
from payments.domain.reading import Seen
from tests.mutants import mutant, swapped

TARIFF = fees.Tariff(290, 30)


@mutant(
    "period-of-the-subscription",
    rule="stripe.md §1.6 and §6: the period is on the items",
    caught_by="tests/payments/test_subscriptions.py::test_it_renews[sqlite]",
)
def period_of_the_subscription() -> Iterator[None]:
    """The period is read from where it was until 2025: the Subscription itself. Where that is empty, it has none."""
    read = rules.read

    def as_it_was(found: dict[str, Any], *args: Any) -> Seen:
        start, end = found.get("current_period_start"), found.get("current_period_end")
        return replace(read(found, *args), period_start=reading._at(start), period_end=reading._at(end))

    with swapped(rules, "read", as_it_was):
        yield


@mutant(
    "only-the-boolean",
    rule="stripe.md §1.7 and §6: an end is scheduled by cancel_at or by cancel_at_period_end",
    caught_by="tests/payments/test_subscriptions.py::test_left_by_the_portal_which_only_sets_cancel_at[sqlite]",
)
def only_the_boolean() -> Iterator[None]:
    """Only ``cancel_at_period_end`` says that a Subscription will end; the portal sets ``cancel_at``."""
    read = rules.read

    def boolean(found: dict[str, Any], *args: Any) -> Seen:
        return read({**found, "cancel_at": None}, *args)

    with swapped(rules, "read", boolean):
        yield


@mutant(
    "fee-added-to-mrr",
    rule="reports.md: the monthly rate is the price less its discounts; a fee is no revenue",
    caught_by="tests/payments/test_ends.py::test_several_items_of_which_one_is_ours[sqlite]",
)
def fee_added_to_mrr() -> Iterator[None]:
    """The monthly rate of a Subscription is what would have to be charged to cover the processor's fee too."""
    rate = reading.rate

    def with_fee(seen: Seen, ours: Sequence[bool] | None = None) -> int:
        whole = rate(seen, ours) // 720
        return fees.gross(whole, TARIFF) * 720 if whole else 0

    with swapped(reading, "rate", with_fee), swapped(rules, "rate", with_fee):
        yield


@mutant(
    "collection-paused-is-paid",
    rule="stripe.md scenarios 37 and 38: a collection that is paused leaves the status at active, and nobody paid",
    caught_by="tests/payments/test_orders.py::test_told_when_it_was_over[sqlite-collection paused-backwards]",
)
def collection_paused_is_paid() -> Iterator[None]:
    """``active`` is taken at its word while collection is paused."""
    with swapped(rules, "_period_unpaid", lambda _seen: False):
        yield


assert subscriptions.rules is rules  # what is swapped here is what the application calls
