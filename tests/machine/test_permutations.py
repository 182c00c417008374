"""Twenty histories, each delivered in every order that there is (on PostgreSQL: all of up to four events, of more a sample).

They must agree, and with what outcomes.py says by hand.
"""

from math import factorial
from typing import Any

import pytest

from tests.machine.life import Life
from tests.machine.orders import difference
from tests.machine.outcomes import OUTCOMES, in_words
from tests.machine.permuting import Walk, knocks
from tests.machine.plays import PLAYS
from tests.machine.stage import Stage

SAMPLE = 24
# How many looks each play puts in every order: one that Stripe refuses to play would shrink unseen.
LOOKS = {
    "subscribes": 6,
    "subscribes and cancels": 6,
    "subscribes and ends at once": 6,
    "cancels by a date, undoes it, cancels in the portal, is refunded": 4,
    "renews": 5,
    "renewal fails": 5,
    "renewal fails and a new card pays": 6,
    "refunded in part, then the rest": 5,
    "a refund comes back": 4,
    "a dispute is won": 4,
    "a dispute is lost": 4,
    "an inquiry, and the month before is refunded": 6,
    "changes plan, then how many, and renews": 5,
    "a trial converts": 5,
    "contributes twice, and one is refunded": 5,
    "contributes every month": 5,
    "ends a monthly contribution, and it is refunded": 4,
    "two subscriptions, and the older one ends": 5,
    "pauses twice and resumes": 4,
    "is deleted": 4,
}


def test_there_are_twenty() -> None:
    assert list(PLAYS) == list(LOOKS) == list(OUTCOMES)
    assert len(PLAYS) == 20


@pytest.mark.parametrize("name", PLAYS)
def test_every_order_leads_to_the_same_state(name: str, stage: Stage, database: str, capsys: pytest.CaptureFixture[str]) -> None:
    stage.begin()
    life = Life(stage)

    def tell(events: list[Any]) -> None:
        for event in events:
            stage.tell(event)
        stage.drain()

    PLAYS[name](life, lambda: tell(stage.news()))
    before, asked = knocks(stage.news())
    tell(before)
    assert len(asked) == LOOKS[name], asked
    walk = Walk(stage, asked)
    walk = walk.every() if database == "sqlite" or len(asked) <= 4 else walk.some(SAMPLE)
    with capsys.disabled():
        print(f"\n{database}: {name}: {len(asked)} looks, {walk.orders} orders")  # noqa: T201
    assert walk.orders == factorial(len(asked)) or (database == "postgresql" and walk.orders == SAMPLE)
    found = list(walk.outcomes.items())
    for state, order in found[1:]:
        wanted, first = found[0]
        pytest.fail(f"{order}\n and {first}\n differ:\n{difference(state.splitlines(), wanted.splitlines())}")
    assert in_words(found[0][0].splitlines()) == OUTCOMES[name], "the same in every order, and wrong"
