"""Fixtures for readers and money: Stripe's clock and ours, moved together."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask

from kit import jobs
from kit.database import db


@pytest.fixture
def later(sandbox: Any, deliver: Any) -> Iterator[Callable[[float], None]]:
    """``later(days)``: Stripe's clock and ours (one, in this process) move on, and what Stripe then tells is applied."""
    with time_machine.travel(datetime.now(UTC), tick=True) as traveller:

        def move(days: float) -> None:
            traveller.shift(timedelta(days=days))
            sandbox.tick()
            deliver()

        yield move


@pytest.fixture
def remind(app: Flask) -> Callable[[], None]:
    """``remind()``: the daily look ahead, for what is due by now."""

    def run() -> None:
        db.session.rollback()
        jobs.run(app, "payments.remind", [])

    return run
