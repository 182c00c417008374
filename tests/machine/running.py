"""Run the machine: so many histories with this seed, or until it fails."""

from collections import Counter

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.machine.machine import Histories
from tests.machine.stage import Stage


def run(
    stage: Stage, histories: int, *, steps: int, luck: int | None = None, shrink: bool = False, told: Counter[str] | None = None
) -> Counter[str]:
    """Raises what a history raised (an AssertionError says what differs). Answers what was done, by name.

    Shrinking runs a failing history hundreds of times, so it is asked for by hand.
    """
    play = type("Histories", (Histories,), {"stage": stage, "told": Counter() if told is None else told})
    if luck is not None:
        play = seed(luck)(play)
    how = settings(
        max_examples=histories, stateful_step_count=steps, deadline=None, database=None, print_blob=True,
        suppress_health_check=list(HealthCheck), phases=[Phase.generate, *([Phase.shrink] if shrink else [])],
    )  # fmt: skip
    run_state_machine_as_test(play, settings=how)
    return play.told
