"""Money as the bank saw it: what was charged, given back, disputed and kept by the processor, by the day it happened.

Contributions are counted by one rule, which payments/raised.py has and prints.
"""

from dataclasses import dataclass, field

IN_AND_BACK = ("payment", "refund", "refund_failed", "dispute", "dispute_reversal")


@dataclass
class Cash:
    """One month in one currency, signed minor units by ledger kind; `count` is the number of payments."""

    kinds: dict[str, int] = field(default_factory=dict)
    count: int = 0

    def add(self, kind: str, amount: int, count: int) -> None:
        """Add ledger entries of one kind."""
        self.kinds[kind] = self.kinds.get(kind, 0) + amount
        self.count += count if kind == "payment" else 0

    def _sum(self, *kinds: str) -> int:
        return sum(self.kinds.get(kind, 0) for kind in kinds)

    @property
    def gross(self) -> int:
        return self._sum("payment")

    @property
    def refunds(self) -> int:
        """Negative: what went back, less refunds that failed."""
        return self._sum("refund", "refund_failed")

    @property
    def disputes(self) -> int:
        return self._sum("dispute", "dispute_reversal")

    @property
    def fees(self) -> int:
        return self._sum("fee")

    @property
    def raised(self) -> int:
        """Before fees: payments less what went back."""
        return self._sum(*IN_AND_BACK)

    @property
    def net(self) -> int:
        return self.raised + self.fees
