"""Faults in how an event is applied: when it counts as done, who looks when, and whose look is written."""

from collections.abc import Iterator
from typing import Any

from kit import mail
from kit.database import db
from payments import journal, leases, subscriptions
from tests.mutants import mutant, swapped


@mutant(
    "apply-in-two-transactions",
    rule="safety R3: one transaction writes what was seen and marks the event done",
    caught_by="tests/payments/test_journal.py::test_what_failed_leaves_nothing_half_done[sqlite]",
)
def apply_in_two_transactions() -> Iterator[None]:
    """Events are marked done by one transaction, and what was seen is written by the next."""
    look = journal._look

    def look_and_mark(wishes: list[journal.Wish]) -> list[tuple[Any, Any, int | None]]:
        seen = look(wishes)
        journal._done("", [wish.event_id for wish in wishes])
        db.session.commit()
        return seen

    with swapped(journal, "_look", look_and_mark):
        yield


@mutant(
    "fetch-before-lock",
    rule="stripe.md scenario 3, safety R3: lease, then look, then write",
    caught_by="tests/payments/test_journal.py::test_nobody_looks_while_another_does[sqlite]",
)
def fetch_before_lock() -> Iterator[None]:
    """A worker looks first, and takes the Customer's lease to write what it saw."""

    def look_first(account: str, key: str) -> int:
        wishes = journal.waiting(account, key)
        db.session.rollback()
        seen = journal._look(wishes)
        with leases.held(key, patience=0.2) as lease:
            lease.guard()
            for handler, found, untold in seen:
                with mail.quiet(untold is None):
                    handler.write(found)
            journal._done(account, [wish.event_id for wish in wishes])
        return len(wishes)

    with swapped(journal, "apply", look_first):
        yield


@mutant(
    "lease-never-fenced",
    rule="safety C03: a worker that slept through its lease cannot write",
    caught_by="tests/payments/test_journal.py::test_one_holder_at_a_time_and_a_sleeper_cannot_write[sqlite]",
)
def lease_never_fenced() -> Iterator[None]:
    """The guard frees the lease, whosever it is by now, and lets everybody write."""
    with swapped(leases.Held, "guard", lambda _lease: None):
        yield


@mutant(
    "terminal-not-sticky",
    rule="stripe.md §5.2 and scenario 5, safety W14: what ended stays ended",
    caught_by="tests/payments/test_orders.py::test_told_when_it_was_over[sqlite-left by the portal-backwards]",
)
def terminal_not_sticky() -> Iterator[None]:
    """A late look at a Subscription that was still running brings it back to life in the mirror."""
    with swapped(subscriptions, "TERMINAL", frozenset()):
        yield


@mutant(
    "restored-backup-speaks",
    rule="safety C11: after a backup was restored no mail is sent again",
    caught_by="tests/payments/test_journal.py::test_what_was_told_before_the_backup_is_not_mailed_again[sqlite]",
)
def restored_backup_speaks() -> Iterator[None]:
    """Events that Stripe counts as delivered are applied like news, with their mails."""
    look = journal._look

    def loudly(wishes: list[journal.Wish]) -> list[tuple[Any, Any, int | None]]:
        return [(handler, found, 0) for handler, found, _untold in look(wishes)]

    with swapped(journal, "_look", loudly):
        yield
