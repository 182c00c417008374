"""The only clock. Tests freeze it; rules never read it (they are handed an instant)."""

from datetime import UTC, datetime


def now() -> datetime:
    """The present instant, aware, in UTC."""
    return datetime.now(UTC)


def from_timestamp(seconds: int | float | None) -> datetime | None:
    """Stripe's times are whole seconds since 1970; None stays None."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
