"""The knobs: make the sandbox answer and deliver as badly as a network does."""

import dataclasses
import random
import re

from sandbox.errors import StripeError


@dataclasses.dataclass(frozen=True)
class Fault:
    """What to do to one call: answer `status`, `timeout`, `reset`, `reset-after-commit` or `sticky-500`."""

    kind: str
    status: int = 0
    seconds: float = 0.0
    headers: dict = dataclasses.field(default_factory=dict)


class Faults:
    """Rates are shares of 1. With a seed the same calls meet the same faults."""

    def __init__(self, source: random.Random):
        self.random = source
        self.setup: dict = {}
        self.left: int | None = None  # how many more faults of calls, None without limit

    def configure(self, setup: dict) -> dict:
        """Replace the whole setup. Raises StripeError on an unknown knob."""
        known = {
            "seed", "duplicate", "reorder", "delay", "drop", "status", "timeout", "reset",
            "reset-after-commit", "sticky-500", "methods", "paths", "times", "late_balance_transaction", "headers",
        }  # fmt: skip
        for name in setup:
            if name not in known:
                raise StripeError.unknown_parameter(name)
        if "seed" in setup:
            self.random = random.Random(setup["seed"])
        self.setup = setup
        self.left = setup.get("times")
        return setup

    def _hit(self, rate: float) -> bool:
        return rate > 0 and self.random.random() < rate

    def for_call(self, method: str, path: str) -> Fault | None:
        """The fault that meets this API call, if any."""
        setup = self.setup
        if self.left == 0 or not re.search(setup.get("paths", ""), path):
            return None
        if method not in setup.get("methods", [method]):
            return None
        fault = self._draw(setup)
        if fault and self.left is not None:
            self.left -= 1
        return fault

    def _draw(self, setup: dict) -> Fault | None:
        for status, rate in setup.get("status", {}).items():
            if self._hit(rate):
                return Fault("status", status=int(status), headers=setup.get("headers", {}))
        timeout = setup.get("timeout", {})
        if self._hit(timeout.get("rate", 0)):
            return Fault("timeout", seconds=timeout.get("seconds", 30))
        for kind in ("reset", "reset-after-commit", "sticky-500"):
            if self._hit(setup.get(kind, 0)):
                return Fault(kind)
        return None

    def late_balance_transaction(self) -> bool:
        """Whether a charge's balance transaction comes only with a later charge.updated."""
        return self._hit(float(self.setup.get("late_balance_transaction", 0)))

    def dropped(self) -> bool:
        return self._hit(self.setup.get("drop", 0))

    def delay(self) -> float:
        """Seconds by which a delivery is late."""
        delay = self.setup.get("delay", {})
        return delay.get("seconds", 5) if self._hit(delay.get("rate", 0)) else 0.0

    def arrange(self, deliveries: list) -> list:
        """The order, with repetitions, in which deliveries go out."""
        if not deliveries:
            return []  # nothing drawn: the thread that looks for work must not use up the seed
        arranged = []
        for delivery in deliveries:
            arranged += [delivery] * (2 if self._hit(self.setup.get("duplicate", 0)) else 1)
        if self._hit(self.setup.get("reorder", 0)):
            self.random.shuffle(arranged)
        return arranged
