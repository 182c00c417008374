"""Covering the fee: what must be charged so that, after the processor's fee, the amount remains. Integers only.

The fee is taken from the whole charge, so a reader who covers it pays the fee on the fee too.
"""

from dataclasses import dataclass

_WHOLE = 10_000  # basis points in 1


@dataclass(frozen=True, slots=True)
class Tariff:
    """What the processor keeps of a charge: ``rate`` in basis points (290 is 2.9 %) and ``fixed`` minor units."""

    rate: int
    fixed: int

    def __post_init__(self) -> None:
        if not 0 <= self.rate < _WHOLE or self.fixed < 0:
            raise ValueError(f"no such tariff: {self.rate} basis points and {self.fixed}")

    def fee(self, charged: int) -> int:
        """The fee on a charge, minor units; a half is rounded up."""
        return (charged * self.rate + _WHOLE // 2) // _WHOLE + self.fixed


def gross(amount: int, tariff: Tariff, step: int = 1) -> int:
    """The smallest charge (minor units, a multiple of ``step``) that leaves at least ``amount`` after the fee."""
    kept = _WHOLE - tariff.rate
    # Exact without rounding; the fee's own rounding moves the answer by less than one unit of what is kept.
    charged = -(-(amount + tariff.fixed) * _WHOLE // kept)
    while charged - tariff.fee(charged) < amount:
        charged += 1
    while charged - 1 - tariff.fee(charged - 1) >= amount:
        charged -= 1
    return -(-charged // step) * step


def cover(amount: int, tariff: Tariff, step: int = 1) -> int:
    """What covering the fee adds to ``amount``, minor units."""
    return gross(amount, tariff, step) - amount
