"""A plugin for pytest: ``MUTANT=order-by-created pytest -p tests.mutants.plugin ...`` runs the tests on a broken application."""

import os

import pytest

from tests.mutants import mutated


def pytest_report_header() -> str:
    return f"mutant: {os.environ.get('MUTANT') or 'none'}"


def pytest_sessionstart(session: pytest.Session) -> None:
    """Before the tests are imported, so that they find what is replaced as the product does."""
    name = os.environ.get("MUTANT")
    if name:
        put_in = mutated(name)
        put_in.__enter__()
        session.config.add_cleanup(lambda: put_in.__exit__(None, None, None))
