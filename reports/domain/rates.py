"""Rates that say how sure they are."""

from math import sqrt
from typing import NamedTuple

# Below this a percentage says more than it knows: the count is shown by itself.
SMALL = 5
Z_95 = 1.959963984540054


class Rate(NamedTuple):
    """`count` of `of`. All of it as fractions; `low` and `high` are Wilson's 95 % interval."""

    count: int
    of: int

    @property
    def value(self) -> float | None:
        """None for 0/0: nothing of nothing is no rate, least of all zero."""
        return self.count / self.of if self.of else None

    @property
    def is_small(self) -> bool:
        return self.count < SMALL

    @property
    def interval(self) -> tuple[float, float] | None:
        """Wilson's interval, which keeps within 0 and 1 and has a width at 0 and at n as well."""
        if not self.of:
            return None
        n, p, z2 = self.of, self.count / self.of, Z_95**2
        middle = (p + z2 / (2 * n)) / (1 + z2 / n)
        half = Z_95 * sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
        return max(0.0, middle - half), min(1.0, middle + half)
