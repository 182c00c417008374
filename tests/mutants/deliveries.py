"""Faults in how events are taken: what the machine of tests/machine must find."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from sqlalchemy import select

from kit.database import db
from membership import memberships
from membership.domain import standing
from payments import journal
from payments.models import StripeEvent
from payments.subscriptions import Look
from tests.mutants import mutant, swapped


@mutant(
    "order-by-created",
    rule="stripe.md scenarios 7 and 8, safety W07: state is fetched, and never decided by `created`",
    caught_by="tests/payments/test_orders.py::test_told_when_it_was_over[sqlite-two changes in one second-backwards]",
)
def order_by_created() -> Iterator[None]:
    """A Subscription is what the event with the newest ``created`` said of it; of two in one second, the one that came last."""
    look = journal._look

    def by_payload(wishes: list[journal.Wish]) -> list[tuple[Any, Any, int | None]]:
        seen, mine = look(wishes), [wish.event_id for wish in wishes]
        told = [(handler, _as_told(found, mine), untold) for handler, found, untold in seen]
        db.session.rollback()
        return told

    with swapped(journal, "_look", by_payload):
        yield


def _as_told(found: Any, mine: list[str]) -> Any:
    if not isinstance(found, Look):
        return found
    heard = StripeEvent.applied_at.is_not(None) | StripeEvent.event_id.in_(mine)
    about = StripeEvent.object_id == found.subscription_id, StripeEvent.type.like("customer.subscription.%"), heard
    newest = select(StripeEvent.payload).where(*about).order_by(StripeEvent.created.desc(), StripeEvent.received_at.desc()).limit(1)
    said = db.session.scalar(newest)
    return replace(found, found=json.loads(said)["data"]["object"]) if said else found


@mutant(
    "last-event-wins",
    rule="stripe.md §5.2: the standing follows from all of a reader's sources",
    caught_by="tests/payments/test_subscriptions.py::test_the_late_deletion_of_the_old_one_takes_nothing[sqlite]",
)
def last_event_wins() -> Iterator[None]:
    """Of a reader's sources only the one that was looked at last counts: a late end of the old takes away the new."""
    standing_of = memberships.standing_of

    def of_the_last(account_id: int) -> standing.Standing:
        kept = standing_of(account_id).snapshots
        last = max(kept, key=lambda snapshot: snapshot.observed_at, default=None)
        return standing.derive([last] if last else [], memberships.grace())

    with swapped(memberships, "standing_of", of_the_last):
        yield
