"""The stage for this folder's tests."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from tests.conftest import Databases
from tests.machine.stage import Stage


@pytest.fixture
def stage(database: str, apps: Callable[[str], Flask], databases: Databases) -> Iterator[Stage]:
    """An application on this database and Stripe's stand-in, under one clock."""
    made = Stage(apps(database), databases)
    yield made
    made.close()
