"""Faults in who may read, and until when."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from membership import memberships
from membership.domain import grace as graces
from membership.domain import standing
from membership.domain.standing import Standing, Window
from payments.domain import groups
from tests.mutants import mutant, swapped


@mutant(
    "grace-forgotten",
    rule="stripe.md §6: past_due opens within the grace",
    caught_by="tests/payments/test_subscriptions.py::test_a_failed_renewal_keeps_the_grace_and_then_ends[sqlite]",
)
def grace_forgotten() -> Iterator[None]:
    """Access ends with what is paid, to the second."""
    with swapped(graces, "ends", lambda paid_until, _grace: paid_until):
        yield


@mutant(
    "open-one-second-more",
    rule="access closes to the second, and never later than paid_until and the grace",
    caught_by="tests/membership/test_paywall.py::test_the_gate_closes_to_the_second_when_grace_is_over[sqlite]",
)
def open_one_second_more() -> Iterator[None]:
    """The last second of access counts on both sides of it."""
    ends = graces.ends
    with swapped(graces, "ends", lambda paid_until, grace: ends(paid_until, grace) + timedelta(seconds=1)):
        yield


@mutant(
    "open-at-the-end",
    rule="a window is open from its start until just before its end",
    caught_by="tests/membership/test_grace.py::test_open_until_the_grace_ends_and_shut_from_that_second",
)
def open_at_the_end() -> Iterator[None]:
    """A window's end belongs to it."""

    def closed(found: Standing, at: datetime) -> list[Window]:
        return [w for w in found.windows if w.start <= at <= w.end]

    with swapped(standing, "_open", closed):
        yield


@mutant(
    "gate-reads-the-plan",
    rule="safety R5: whether she may read follows from her standing and the clock",
    caught_by="tests/membership/test_paywall.py::test_the_gate_closes_to_the_second_when_grace_is_over[sqlite]",
)
def gate_reads_the_plan() -> Iterator[None]:
    """Who has a plan may read, whatever became of it."""

    def has_a_plan(membership: Any, _at: datetime) -> bool:
        return membership is not None and membership.access_until is not None

    with swapped(memberships, "is_entitled", has_a_plan):
        yield


@mutant(
    "seats-beyond-quantity",
    rule="as many read in a group as are paid for",
    caught_by="tests/payments/test_groups.py::test_fewer_seats_than_readers_the_newest_loses_and_has_it_back[sqlite]",
)
def seats_beyond_quantity() -> Iterator[None]:
    """Whoever claimed a seat keeps it, however many are paid for."""

    def everybody(claimed: Iterable[Any], _paid: int) -> tuple[Sequence[Any], Sequence[Any]]:
        return list(claimed), []

    with swapped(groups, "with_a_place", everybody):
        yield


@mutant(
    "open-beyond-what-is-paid",
    rule="whatever row and sources say, no gate is open beyond what is paid and the grace",
    caught_by="tests/payments/test_invariants.py::test_they_hold_of_a_reader_who_pays[sqlite]",
)
def open_beyond_what_is_paid() -> Iterator[None]:
    """A source's window is ten days longer than the grace allows; row and sources agree on it."""
    window = standing.window

    def longer(snapshot: Any, grace: Any) -> Window | None:
        found = window(snapshot, grace)
        return found and replace(found, end=found.end + timedelta(days=10))

    with swapped(standing, "window", longer):
        yield
