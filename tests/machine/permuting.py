"""Every order of a few events, each order from the same beginning: a walk over prefixes, with a savepoint at each step.

An order's beginning is shared with all the orders that begin alike, so 720 orders of six events cost 1,956 writes and not
4,320. What Stripe has does not change meanwhile, so each handler looks once at each object; every write is the handler's own.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import permutations
from typing import Any

from kit import jobs
from kit.database import db
from payments import gateway, state
from payments.webhooks import HANDLERS
from tests.machine.stage import Stage

MOST = 6
# What a handler asks to be looked at later: the same look, and the same write.
LATER = {"payments.follow_subscription": "customer.subscription.updated", "payments.follow_charge": "charge.updated"}
Knock = tuple[str, str]  # type, object id


def knocks(events: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[Knock]]:
    """(events to tell beforehand, what the rest ask for, MOST at most).

    Two that ask the same handler about the same object are one. Of a longer history the last ones are put in every order.
    """
    asked: dict[Any, list[dict[str, Any]]] = {}
    for event in events:
        asked.setdefault((HANDLERS[event["type"]], event["data"]["object"]["id"]), []).append(event)
    before = [event for same in list(asked.values())[:-MOST] for event in same]
    return before, [(same[0]["type"], object_id) for (_handler, object_id), same in list(asked.items())[-MOST:]]


class Walk:
    """All orders of ``asked`` on one stage, from the state that it is in; ``outcomes`` maps a state to the first order that led to it."""

    def __init__(self, stage: Stage, asked: list[Knock]) -> None:
        self.stage, self.asked = stage, asked
        self.outcomes: dict[str, list[Knock]] = {}
        self.orders = 0
        self._later: list[Knock] = []
        self._asks: list[str] = []  # what the worker would ask of Stripe by now

    def every(self) -> "Walk":
        """Every order there is."""
        with self._quietly():
            self._beyond([])
        return self

    def some(self, most: int, seed: int = 1) -> "Walk":
        """The given order, its reverse, and others drawn by ``seed``: ``most`` in all, or every one if there are no more."""
        orders = list(permutations(self.asked))
        drawn = [orders[0], orders[-1], *random.Random(seed).sample(orders, min(len(orders), most))]
        with self._quietly():
            for order in list(dict.fromkeys(drawn))[:most]:
                with self._taken_back():
                    for knock in order:
                        self._write(knock)
                    self._arrived(list(order))
        return self

    def _beyond(self, told: list[Knock]) -> None:
        if len(told) == len(self.asked):
            self._arrived(told)
        for knock in self.asked:
            if knock not in told:
                with self._taken_back():
                    self._write(knock)
                    self._beyond([*told, knock])

    @contextmanager
    def _taken_back(self) -> Iterator[None]:
        point, asks = db.session.begin_nested(), len(self._asks)
        yield
        point.rollback()
        db.session.expunge_all()
        del self._asks[asks:]

    def _arrived(self, told: list[Knock]) -> None:
        self.orders += 1
        self.outcomes.setdefault("\n".join([*state.facts(), *sorted(set(self._asks))]), told)

    def _write(self, knock: Knock) -> None:
        self._apply(knock)
        while self._later:
            self._apply(self._later.pop(0))
        db.session.flush()

    def _apply(self, knock: Knock) -> None:
        handler = HANDLERS[knock[0]]
        key = (handler, knock[1])
        if key not in self._seen:
            self._seen[key] = handler.look(knock[1])
        handler.write(self._seen[key])

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        """One transaction that is thrown away; looks that would be queued are taken at once, mails stay unsent."""
        queue, self._seen = jobs.queue, {}

        def queued(_id: str | None, _delay: float, name: str, args: list[Any], *_more: Any) -> None:
            if name in LATER:
                self._later.append((LATER[name], args[0]))
            elif not name.startswith("mail."):
                self._asks.append(f"asks {name} {args}")

        jobs.queue = queued
        try:
            with self.stage.app.app_context(), gateway.remembering():
                for knock in self.asked:
                    self._seen[HANDLERS[knock[0]], knock[1]] = HANDLERS[knock[0]].look(knock[1])
                db.session.rollback()
                yield
                db.session.rollback()
                db.session.remove()
        finally:
            jobs.queue = queue
