"""Fixtures for readers and money: Stripe's clock and ours, moved together."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask

from kit import jobs
from kit.database import db
from tests.payments.readers import put_on_sale, subscribe


@pytest.fixture
def on_sale(sandbox: Any) -> Iterator[None]:
    """The default plans are on sale; and at the end nothing that we asked or were told differed from the SDK's types."""
    put_on_sale(sandbox)
    yield
    assert sandbox.complaints == []


@pytest.fixture
def reader(visit: Any, make_account: Any, sandbox: Any, deliver: Any) -> tuple[int, str]:
    """(account id, Subscription's id) of a reader who pays by the month."""
    account_id = (account := make_account()).id
    return account_id, subscribe(visit, sandbox, deliver, account)


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
