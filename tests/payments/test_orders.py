"""Whole lives told only when they are over: backwards, doubled and mixed, each telling applied before the next is heard.

The end is the same, and what is booked.
"""

import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import select

from kit.database import db
from membership.models import MembershipSource
from payments import following, gateway, journal, subscriptions
from payments.models import LedgerEntry, Plan, StripeEvent
from tests.payments.readers import lived, press, put_on_sale, subscription_of

Silent = Callable[[float], None]


@pytest.fixture
def silent(sandbox: Any) -> Iterator[Silent]:
    """``silent(days)``: the clocks move on, and nobody tells us what happened meanwhile."""
    put_on_sale(sandbox)
    with time_machine.travel(datetime.now(UTC), tick=True) as traveller:

        def move(days: float) -> None:
            traveller.shift(timedelta(days=days))
            sandbox.tick()

        yield move
    assert sandbox.complaints == []


def api() -> Any:
    return gateway.client().v1


def _trial(sandbox: Any, sub: str, silent: Silent) -> None:
    silent(20)


def _portal_leave(sandbox: Any, sub: str, silent: Silent) -> None:
    silent(5)
    sandbox.portal_cancel(sub)
    silent(60)


def _boolean_leave_and_stay(sandbox: Any, sub: str, silent: Silent) -> None:
    silent(5)
    api().subscriptions.update(sub, {"cancel_at_period_end": True})
    silent(5)
    api().subscriptions.update(sub, {"cancel_at_period_end": False})
    silent(25)


def _two_in_one_second(sandbox: Any, sub: str, silent: Silent) -> None:
    """Leaves and stays, both within one second: their events have the same ``created``."""
    silent(5)
    sandbox.freeze(int(time.time()))
    api().subscriptions.update(sub, {"cancel_at_period_end": True})
    api().subscriptions.update(sub, {"cancel_at_period_end": False})
    last = [one["created"] for one in sandbox.events() if one["type"] == "customer.subscription.updated"][-2:]
    assert last[0] == last[1]


def _failed_for_good(sandbox: Any, sub: str, silent: Silent) -> None:
    sandbox.portal_replace_card(sandbox.get(sub)["customer"], "4000000000000341")
    silent(80)


def _failed_and_healed(sandbox: Any, sub: str, silent: Silent) -> None:
    sandbox.portal_replace_card(sandbox.get(sub)["customer"], "4000000000000341")
    silent(32)
    sandbox.portal_replace_card(sandbox.get(sub)["customer"], "4242424242424242")
    silent(1)


def _paused_and_resumed(sandbox: Any, sub: str, silent: Silent) -> None:
    silent(5)
    api().subscriptions.pause(sub, {"type": "subscription"})
    silent(40)
    api().subscriptions.resume(sub, {"billing_cycle_anchor": {"type": "now"}})
    silent(1)


def _collection_paused(sandbox: Any, sub: str, silent: Silent) -> None:
    api().subscriptions.update(sub, {"pause_collection": {"behavior": "mark_uncollectible"}})
    silent(40)


def _deleted_customer(sandbox: Any, sub: str, silent: Silent) -> None:
    silent(9)
    api().customers.delete(sandbox.get(sub)["customer"])


LIVES: dict[str, tuple[Any, int, str, list[tuple[str, str]], list[int]]] = {
    # what happened, days of trial -> Stripe's status as we have it, (class, state) of the history, what was paid
    "tried, then paid": (_trial, 14, "active", [("trial", "trial"), ("paying", "active")], [500]),
    "left by the portal": (_portal_leave, 0, "canceled", [("paying", "active"), ("paying", "ending")], [500]),
    "left and stayed": (_boolean_leave_and_stay, 0, "active", [("paying", "active")], [500, 500]),
    "two changes in one second": (_two_in_one_second, 0, "active", [("paying", "active")], [500]),
    "not paid any more": (_failed_for_good, 0, "canceled", [("paying", "active"), ("paying", "past_due")], [500]),
    "a new card": (_failed_and_healed, 0, "active", [("paying", "active")], [500, 500]),
    "paused and resumed": (_paused_and_resumed, 0, "active", [("paying", "active")], [500, None]),
    "collection paused": (_collection_paused, 0, "paused", [("paying", "active"), ("paying", "paused")], [500]),
    "the Customer was deleted": (_deleted_customer, 0, "canceled", [("paying", "active")], [500]),
}
ORDERS: dict[str, Callable[[list[Any]], list[Any]]] = {
    "backwards": lambda told: told[::-1],
    "doubled and mixed": lambda told: random.Random(7).sample(told * 2, len(told) * 2),
}


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS.keys())
@pytest.mark.parametrize(("live", "trial", "status", "states", "sums"), LIVES.values(), ids=LIVES.keys())
def test_told_when_it_was_over(
    visit: Any, make_account: Any, sandbox: Any, deliver: Any, drain: Any, silent: Silent,
    live: Any, trial: int, status: str, states: list[tuple[str, str]], sums: list[int | None], order: Any,
) -> None:  # fmt: skip
    db.session.get_one(Plan, "reader-monthly").trial_days = trial
    db.session.commit()
    account_id = (account := make_account()).id
    sandbox.pay(press(visit(account)))
    subscription_id = next(one["data"]["object"]["id"] for one in sandbox.events() if one["type"] == "customer.subscription.created")
    seen = subscriptions.look(subscription_id)
    live(sandbox, subscription_id, silent)
    told = order(sandbox.take_deliveries())
    for one in told:  # a look for each: all at once they would share one, taken when everything is over
        assert deliver(deliveries=[one]) == [200]
    before = _all(account_id)
    assert (before[0], before[1]) == (status, states)
    assert len(before[2]) == len(sums)
    assert all(wanted in (None, found) for wanted, found in zip(sums, before[2], strict=True))
    for event in db.session.scalars(select(StripeEvent).order_by(StripeEvent.created.desc())).all():
        journal.replay(event.account, event.event_id)  # the door knows their numbers: told again they would not be applied
        db.session.commit()
        drain()
    assert _all(account_id) == before, "applied once more, nothing changes"
    if status == "canceled":
        following.write(seen)
        db.session.commit()
        assert _all(account_id) == before, "what was seen while it went on, written last, brings nothing back"


def _all(account_id: int) -> tuple[str, list[tuple[str, str]], list[int], str]:
    """What membership has, what the reports read, what was paid, and Stripe's status in our mirror."""
    states = [(klass, state) for klass, state, _, _ in lived(account_id)]
    status = db.session.scalars(select(MembershipSource.status)).one()
    paid = select(LedgerEntry.amount).where(LedgerEntry.kind == "payment").order_by(LedgerEntry.occurred_at, LedgerEntry.id)
    found = status, states, list(db.session.scalars(paid)), subscription_of(account_id).status
    db.session.rollback()
    return found
