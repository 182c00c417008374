"""Contributions (being written)."""

from typing import Any


def claim(account: Any) -> None:
    """Attach a proven address's guest contributions to its account."""
