"""From 1/720 minor units to whole ones, and parts that still add up after it."""

from collections.abc import Sequence

UNIT = 720


def minor_units(amount_720: int) -> int:
    """Rounded half up to whole minor units: 299_700 (1/720) -> 416."""
    return (2 * amount_720 + UNIT) // (2 * UNIT)


def shares(parts_720: Sequence[int], total: int | None = None) -> list[int]:
    """`parts_720` as whole minor units that sum to `total` (minor units), by largest remainder.

    `total` defaults to the rounded sum, and may differ from the exact sum by less than one unit. Whole
    parts stay what they are; ties go to the earlier part. Raises ValueError when no such rounding exists.
    """
    if total is None:
        total = minor_units(sum(parts_720))
    whole = [part // UNIT for part in parts_720]
    missing = total - sum(whole)
    by_remainder = sorted((i for i, part in enumerate(parts_720) if part % UNIT), key=lambda i: (-(parts_720[i] % UNIT), i))
    if not 0 <= missing <= len(by_remainder):
        raise ValueError(f"parts of {sum(parts_720)}/{UNIT} cannot be rounded to {total}")
    for i in by_remainder[:missing]:
        whole[i] += 1
    return whole
