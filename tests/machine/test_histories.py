"""2,000 histories on SQLite and 300 on PostgreSQL in each run of the suite, in shards that workers share; and its controls."""

import os
from collections import Counter
from typing import Any

import pytest
import stripe

from tests.machine.running import run
from tests.machine.stage import Stage
from tests.mutants import mutated

SHARDS = 8
WANTED = {"sqlite": 250, "postgresql": 38}  # a shard: 2,000 and 304 together
EXAMPLES = {"sqlite": 222, "postgresql": 36}  # what Hypothesis is asked for: it begins a fifth more and plays those too
STEPS = 4  # the beginning is one of them, and has up to four acts of its own
# Of 250 histories so many acts at least, and only those are counted of which Stripe made an event: a green run says
# something of each. About a third of what was measured on the poorest shard; luck spreads the rare kinds unevenly.
FLOORS: dict[str, dict[tuple[str, ...], int]] = {
    "time": {
        ("renewal paid",): 25, ("renewal unpaid",): 15, ("overdue for several periods",): 1, ("trial", "second subscription"): 12,
        ("contribute",): 10,
    },
    "leaving": {
        ("cancel boolean", "cancel cancel_at", "cancel portal", "cancel now"): 10, ("stay portal", "stay unset"): 1, ("delete customer",): 1,
    },
    "her pages": {
        ("cancel page",): 6, ("cancel offer",): 1, ("stay page",): 4, ("change page",): 8, ("change withdraw",): 1, ("change seats",): 3,
        ("pause page",): 3,
    },
    "staff's pages": {
        ("cancel staff later", "cancel staff now"): 2, ("refund staff part", "refund staff full"): 4, ("pause staff",): 1,
    },
    "changes": {
        ("change swap",): 2, ("change quantity",): 1, ("resume", "resume page"): 6, ("lost card",): 12, ("new card",): 5,
        ("pause void", "pause keep_as_draft", "pause mark_uncollectible", "pause stripe"): 5,
    },
    "money back": {
        ("refund part", "refund full"): 2, ("refund fails",): 1, ("dispute fraudulent",): 4, ("dispute won", "dispute lost"): 5,
    },
    "telling": {
        ("crash looked",): 10, ("crash written",): 10, ("crash committed",): 8, ("deliver twice",): 15, ("deliver in another order",): 25,
        ("drop",): 40, ("in order, one by one",): 20,
    },
}  # fmt: skip
# The gate plays the same histories each time, so that a red one is this change's doing; `make chaos` plays new ones.
# MACHINE_SEED=2 plays others here too.
SEED = int(os.environ.get("MACHINE_SEED", "1"))


@pytest.mark.parametrize("shard", range(SHARDS))
def test_whatever_is_delivered_in_any_order_the_state_is_stripes(
    stage: Stage, database: str, shard: int, capsys: pytest.CaptureFixture[str]
) -> None:
    told = run(stage, EXAMPLES[database], steps=STEPS, luck=1000 * SEED + shard, shrink="MACHINE_SHRINK" in os.environ)
    with capsys.disabled():
        print(f"\n{database} shard {shard}: {told['histories']} histories, {told['steps']} steps, {told['events']} events")  # noqa: T201
    assert told["histories"] >= WANTED[database]
    assert _too_few(told, database) == {}, "too few of what it is for"


def _too_few(told: Counter[str], database: str) -> dict[Any, tuple[int, int]]:
    """What of FLOORS was not reached: (found, wanted).

    A shard on PostgreSQL is too small to ask it for each kind: there the kinds of a family are counted together, and half of
    their floors' share is wanted.
    """
    if database == "sqlite":
        wanted = {names: floor for family in FLOORS.values() for names, floor in family.items()}
    else:
        part = WANTED[database] / WANTED["sqlite"] / 2
        wanted = {
            tuple({name for names in family for name in names}): max(1, int(sum(family.values()) * part)) for family in FLOORS.values()
        }
    found = {names: sum(told[name] for name in names) for names in wanted}
    return {names: (found[names], floor) for names, floor in wanted.items() if found[names] < floor}


def test_what_the_stand_in_says_is_held_against_the_sdks_types_here_too(stage: Stage) -> None:
    stage.begin()
    customer = stage.stripe.customers.create({})
    stage.sandbox.world.store.get("customer", customer.id)["balance"] = "plenty"
    with pytest.raises(stripe.APIError, match="balance"):
        stage.stripe.customers.retrieve(customer.id)
    assert stage.sandbox.complaints


@pytest.mark.parametrize("name", ["last-event-wins"])
def test_the_machine_finds_what_is_broken(stage: Stage, database: str, name: str) -> None:
    with mutated(name), pytest.raises(AssertionError, match=r"after \["):  # a violation or a difference, and nothing else
        run(stage, 300, steps=STEPS, luck=1)
